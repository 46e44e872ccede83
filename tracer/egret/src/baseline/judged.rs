//! What enforcement would judge of a log, as the configuration has it.

use std::path::Path;

use egret_config::EnforceSettings;
use egret_enforcer::controller;
use egret_enforcer::evaluate::{Exempt, Scope, UnattributedPolicy};

use crate::enforce;

/// What enforcement would judge, and what is not known of that.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) scope: Scope,
    pub(super) unattributed: UnattributedPolicy,
}

impl Judged {
    /// By the configuration at this path, or the usual one; by the defaults where it cannot be read.
    pub(super) fn configured(path: Option<&Path>) -> Self {
        let settings = match egret_config::load(path, std::env::vars_os()) {
            Ok(loaded) => loaded.settings.enforce,
            Err(problems) => {
                problems.iter().for_each(|problem| eprintln!("egret: {problem}"));
                eprintln!("egret: what enforcement judges is taken from the defaults");
                egret_config::load(None, std::iter::empty()).ok().and_then(|loaded| loaded.settings.enforce)
            }
        };
        settings.as_ref().map_or_else(Self::everything, Self::of)
    }

    /// Where nothing can be enforced: everything, so that nothing is hidden.
    fn everything() -> Self {
        Self { scope: Scope::everything(), unattributed: UnattributedPolicy::Block }
    }

    fn of(settings: &EnforceSettings) -> Self {
        let unattributed = settings.options.unattributed;
        if !settings.options.bypass_groups.is_empty() {
            eprintln!(
                "egret: the log has no groups of processes: flows that enforce.bypass_groups exempts are counted"
            );
        }
        match controller::scope(&enforce::enforcer(settings), &egret_names::resolvers()) {
            Ok(scope) => Self { scope, unattributed },
            Err(error) => {
                eprintln!("egret: {error}");
                Self { unattributed, ..Self::everything() }
            }
        }
    }
}

/// A line for each reason why flows were left out.
pub(super) fn told<'a>(exempt: impl IntoIterator<Item = (&'a Exempt, &'a u64)>) -> Vec<String> {
    exempt.into_iter().map(|(why, count)| format!("{count} {}", why.explanation())).collect()
}
