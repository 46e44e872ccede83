//! `egret baseline check`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use egret_enforcer::baseline::{Action, Baseline, Precision, Problem};
use egret_enforcer::store::{Broken, FileStore};
use egret_view::exit;

pub(super) fn run(file: &Path, out: &mut dyn Write) -> Result<u8> {
    match FileStore::open(file, Precision::default()) {
        Ok(store) if store.is_new() => {
            eprintln!("egret: there is no baseline {}", file.display());
            Ok(exit::FAILED)
        }
        Ok(store) => {
            warnings(store.baseline()).iter().for_each(|warning| eprintln!("warning: {warning}"));
            let unmatched = unmatched(store.baseline());
            if !unmatched.is_empty() {
                unmatched.iter().for_each(|rule| eprintln!("{}: {rule}", file.display()));
                return Ok(exit::USAGE);
            }
            writeln!(out, "ok: {}: {} rules", file.display(), store.baseline().entries.len())?;
            Ok(exit::DONE)
        }
        Err(Broken::Wrong { problems, .. }) => {
            for Problem { line, reason } in problems {
                eprintln!("{}:{line}: {reason}", file.display());
            }
            Ok(exit::USAGE)
        }
        Err(unreadable) => Err(unreadable.into()),
    }
}

/// Rules that no flow can match, with the reason. They are harmless and do not prevent enforcement of the other rules.
fn unmatched(baseline: &Baseline) -> Vec<String> {
    let entries = baseline.entries.iter();
    let reasons = entries.filter_map(|(rule, entry)| Some((rule, entry.action, rule.unmatched()?)));
    reasons.map(|(rule, action, reason)| format!("`{} {rule}` matches nothing: {reason}", action.as_str())).collect()
}

/// Rules that are valid but have no effect.
fn warnings(baseline: &Baseline) -> Vec<String> {
    let mut warnings = Vec::new();
    let denying: Vec<_> = baseline.entries.iter().filter(|(_, entry)| entry.action == Action::Deny).collect();
    for (rule, entry) in &baseline.entries {
        if entry.action == Action::Allow
            && let Some((other, _)) = denying.iter().find(|(other, _)| rule.is_within(other))
        {
            warnings.push(format!("allow {rule}: it has no effect, `deny {other}` covers all of it"));
        }
    }
    warnings
}
