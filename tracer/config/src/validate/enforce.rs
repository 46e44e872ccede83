//! Validates the baseline and enforcement.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use egret_enforcer::Mode;
use egret_enforcer::mode::Limits;

use super::Host;
use crate::accounts::Account;
use crate::diagnostics::Diagnostics;
use crate::merged::MergedConfig;
use crate::options::{Baseline, Enforce};
use crate::settings::EnforceSettings;

/// Most queues by default: more would help only at connection rates that no host has.
const MOST_QUEUES: u16 = 4;

/// Longest `ask.hold`: most programs treat a longer wait as a network failure.
const LONGEST_HOLD: Duration = Duration::from_secs(5);

pub(super) fn baseline(merged: &MergedConfig, diagnostics: &mut Diagnostics) -> Option<Baseline> {
    let baseline = &merged.config.baseline;
    if baseline.enabled && baseline.sha256 && !merged.config.capture.hash {
        diagnostics.warn(merged, "baseline.sha256", "has no effect without capture.hash: nothing computes digests");
    }
    baseline.enabled.then(|| baseline.clone())
}

pub(super) fn settings(merged: &MergedConfig, host: &Host, diagnostics: &mut Diagnostics) -> Option<EnforceSettings> {
    let (enforce, fallback, ask) = (&merged.config.enforce, &merged.config.fallback, &merged.config.ask);
    if ask.hold > LONGEST_HOLD {
        let reason = "expected at most five seconds: programs treat a longer wait as a network failure";
        diagnostics.error(merged, "ask.hold", reason);
    }
    if !enforce.enabled && enforce.mode != Mode::Observe {
        diagnostics.error(merged, "enforce.mode", "expected enforce.enabled = true with it");
    } else if enforce.mode != Mode::Observe && !merged.config.baseline.enabled {
        let reason = "expected baseline.enabled = true with it: there is nothing to enforce";
        diagnostics.error(merged, "enforce.mode", reason);
    }
    check_accounts(Account::User, "enforce.bypass_users", &enforce.bypass_users, merged, host, diagnostics);
    check_accounts(Account::Group, "enforce.bypass_groups", &enforce.bypass_groups, merged, host, diagnostics);
    let queues = if enforce.queues == 0 { cpus().min(MOST_QUEUES) } else { enforce.queues };
    enforce.enabled.then(|| EnforceSettings {
        options: Enforce { queues, ..enforce.clone() },
        fallback: fallback.enabled.then_some(Limits {
            window: fallback.window,
            blocks: fallback.blocks,
            unattributed_percent: fallback.unattributed,
            overflow: fallback.overflow,
        }),
        ask_hold: ask.enabled.then_some(ask.hold),
    })
}

/// A bypass of a missing account would be noticed only when enforcement blocks the account that was meant.
fn check_accounts(
    account: Account,
    key: &'static str,
    names: &[String],
    merged: &MergedConfig,
    host: &Host,
    diagnostics: &mut Diagnostics,
) {
    for (number, name) in names.iter().enumerate() {
        if let Some(reason) = account.problem_with(name, host.has_account, host.account_names) {
            diagnostics.item_error(merged, key, number, name, reason);
        }
    }
}

fn cpus() -> u16 {
    available_parallelism().ok().and_then(|cpus| u16::try_from(NonZero::get(cpus)).ok()).unwrap_or(1)
}
