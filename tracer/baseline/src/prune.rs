//! `egret baseline prune`.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use egret_enforcer::baseline::{self, Action, Baseline, Rule};
use egret_enforcer::store::Patience;
use egret_model::Timestamp;
use egret_view::exit;

use super::output::moment;

pub(super) fn run(file: &Path, unused: Duration, dry_run: bool, out: &mut dyn Write) -> Result<u8> {
    let mut store = super::existing(file)?;
    let (before, removed) = if dry_run {
        prune(&mut store.baseline().clone(), unused)
    } else {
        store.edit(Patience::Any, |baseline| prune(baseline, unused))?.0
    };
    for (rule, action) in &removed {
        writeln!(out, "{} {rule}", action.as_str())?;
    }
    let (what, count) = (if dry_run { "would be removed" } else { "were removed" }, removed.len());
    match before {
        Some(before) => eprintln!("egret: {count} rules that were not used since {} {what}", moment(before)),
        None => eprintln!("egret: no rule was ever used"),
    }
    Ok(exit::DONE)
}

/// Prunes rules that were not used for a time before the last flow of the baseline. Returns the limit and the rules.
fn prune(baseline: &mut Baseline, unused: Duration) -> (Option<Timestamp>, Vec<(Rule, Action)>) {
    let seen = baseline.entries.values().filter_map(|entry| entry.evidence.as_ref());
    let Some(last) = seen.map(|seen| seen.last).max() else { return (None, Vec::new()) };
    let unused = i64::try_from(unused.as_nanos()).unwrap_or(i64::MAX);
    let before = Timestamp(last.0.saturating_sub(unused));
    (Some(before), baseline::prune(baseline, before))
}
