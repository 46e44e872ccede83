//! `egret baseline check`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use egret_enforcer::baseline::{Action, Baseline, Precision, Problem, Value};

use super::store::{Broken, Store};
use crate::args::exit;

pub(super) fn run(file: &Path, out: &mut dyn Write) -> Result<u8> {
    match Store::open(file, Precision::default()) {
        Ok(store) if store.is_new() => {
            eprintln!("egret: there is no baseline {}", file.display());
            Ok(exit::FAILED)
        }
        Ok(store) => {
            doubts(store.baseline()).iter().for_each(|doubt| eprintln!("warning: {doubt}"));
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

/// What is right but may not do what it looks like.
fn doubts(baseline: &Baseline) -> Vec<String> {
    let mut doubts = Vec::new();
    let denying: Vec<_> = baseline.entries.iter().filter(|(_, entry)| entry.action == Action::Deny).collect();
    for (rule, entry) in &baseline.entries {
        if let Some(path) =
            rule.subject.executable.as_ref().and_then(Value::as_exact).filter(|path| !path.starts_with('/'))
        {
            doubts.push(format!("{rule}: {path} is no absolute path: no process has it"));
        }
        if entry.action == Action::Allow
            && let Some((other, _)) = denying.iter().find(|(other, _)| rule.is_within(other))
        {
            doubts.push(format!("allow {rule}: it has no effect, `deny {other}` covers all of it"));
        }
    }
    doubts
}
