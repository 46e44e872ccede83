//! Time, place and conditions of a measurement.

use std::env;

use jiff::Timestamp;

use crate::host::Machine;

/// In one line.
pub(crate) fn origin(machine: &Machine, quick: bool) -> String {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let quick = if quick { "; **a quick run: its figures mean little**" } else { "" };
    format!(
        "Measured {} with `cargo xtask bench {}`{quick}. {}.",
        Timestamp::now().strftime("%Y-%m-%d"),
        arguments.join(" "),
        machine.to_line()
    )
}
