//! The cost of peer names: two hooks that see every packet.

use anyhow::Result;

use super::{Bench, hooks, overhead};
use crate::collector::Configuration::{Control, Sockets, SocketsNames, Untraced};

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let comparison = overhead::compare(bench, vec![Untraced, Control, Sockets, SocketsNames])?;
    let hooks = hooks::measure_names(bench)?;
    Ok(format!(
        "`sockets-names` is `egret trace` as it is by default, `sockets` the same with `--no-names`.\n\n{comparison}\n\
         Run time of the hooks on packets, from the kernel's account, which is part of it:\n\n{hooks}"
    ))
}
