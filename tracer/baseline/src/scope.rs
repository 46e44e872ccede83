//! The scope of enforcement from the configuration: which recorded flows it would judge.

use std::path::Path;

use egret_config::EnforceSettings;
use egret_enforcer::controller;
use egret_enforcer::evaluate::{Exempt, Scope, UnattributedPolicy};

#[derive(Debug)]
pub(super) struct EnforcementScope {
    pub(super) scope: Scope,
    pub(super) unattributed: UnattributedPolicy,
}

impl EnforcementScope {
    /// From the configuration at this path, or the default one; from the defaults if it cannot be loaded.
    pub(super) fn configured(path: Option<&Path>) -> Self {
        let settings = match egret_config::load(path, std::env::vars_os()) {
            Ok(loaded) => loaded.settings.enforce,
            Err(problems) => {
                problems.iter().for_each(|problem| eprintln!("egret: {problem}"));
                eprintln!("egret: using the default scope of enforcement");
                egret_config::load(None, std::iter::empty()).ok().and_then(|loaded| loaded.settings.enforce)
            }
        };
        settings.as_ref().map_or_else(Self::everything, Self::of)
    }

    /// Everything, so that no flow is hidden, for a configuration without enforcement.
    fn everything() -> Self {
        Self { scope: Scope::everything(), unattributed: UnattributedPolicy::Block }
    }

    fn of(settings: &EnforceSettings) -> Self {
        let unattributed = settings.options.unattributed;
        if !settings.options.bypass_groups.is_empty() {
            eprintln!(
                "egret: the log has no groups of processes: flows that enforce.bypass_groups exempts are included"
            );
        }
        match controller::scope(&settings.enforcer(), &egret_names::resolvers()) {
            Ok(scope) => Self { scope, unattributed },
            Err(error) => {
                eprintln!("egret: {error}");
                Self { unattributed, ..Self::everything() }
            }
        }
    }
}

/// A line for each reason of an exemption.
pub(super) fn exempt_lines<'a>(exempt: impl IntoIterator<Item = (&'a Exempt, &'a u64)>) -> Vec<String> {
    exempt.into_iter().map(|(why, count)| format!("{count} {}", why.explanation())).collect()
}
