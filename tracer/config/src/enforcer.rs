//! Converts the settings to those of the enforcer.

use egret_enforcer::controller::EnforcerSettings;
use egret_enforcer::firewall::{Bypass, ControlGroup};
use egret_enforcer::store::BaselineSettings;

use crate::accounts::Account;
use crate::choice::Loopback;
use crate::options::{Baseline, Enforce};
use crate::settings::EnforceSettings;

impl EnforceSettings {
    /// The settings of the enforcer. Accounts are looked up.
    #[must_use]
    pub fn enforcer(&self) -> EnforcerSettings {
        let EnforceSettings { options, fallback, ask_hold } = self;
        EnforcerSettings {
            mode: options.mode,
            state_file: options.state.clone(),
            on_failure: options.on_failure,
            action: options.action,
            unattributed: options.unattributed,
            backend: options.backend,
            loopback: options.loopback == Loopback::Judge,
            rejudge: options.established,
            protect: options.protect,
            bypass: bypass(options),
            first_queue: options.first_queue,
            queues: options.queues,
            queue_length: options.queue_length,
            mark_mask: options.mark_mask,
            fallback: *fallback,
            ask_hold: *ask_hold,
        }
    }
}

impl Baseline {
    /// The settings of the store.
    #[must_use]
    pub fn store(&self) -> BaselineSettings {
        BaselineSettings {
            file: self.file.clone(),
            precision: self.precision(),
            thresholds: self.thresholds(),
            bounds: self.bounds(),
            allow_failed: self.allow_failed,
        }
    }
}

fn bypass(options: &Enforce) -> Bypass {
    let users = options.bypass_users.iter().filter_map(|name| {
        Account::User.id(name).or_else(|| {
            tracing::warn!(user = name, "enforce.bypass_users: no such user");
            None
        })
    });
    let groups = options.bypass_groups.iter().filter_map(|name| {
        Account::Group.id(name).or_else(|| {
            tracing::warn!(group = name, "enforce.bypass_groups: no such group");
            None
        })
    });
    let cgroups = options.bypass_cgroups.iter().filter_map(|path| {
        ControlGroup::new(path)
            .inspect_err(|error| tracing::warn!(%error, "enforce.bypass_cgroups: control group is not bypassed"))
            .ok()
    });
    Bypass { users: users.collect(), groups: groups.collect(), cgroups: cgroups.collect() }
}
