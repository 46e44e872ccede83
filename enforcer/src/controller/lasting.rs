//! What outlives a controller that panics.

use std::collections::BTreeMap;
use std::path::Path;

use super::keeper::FirewallKeeper;
use super::settings::EnforcerSettings;
use super::state_file;
use crate::mode::{FallbackReason, ModeState};

/// What outlives a controller that panics.
pub(super) struct Lasting {
    pub(super) settings: EnforcerSettings,
    pub(super) mode: ModeState,
    /// The mode state before a switch that is under way. A switch during which the controller panics is undone.
    pub(super) before_switch: Option<ModeState>,
    pub(super) firewall: FirewallKeeper,
    /// Number of the policy.
    pub(super) generation: u32,
    pub(super) fallbacks: BTreeMap<FallbackReason, u64>,
    /// How often the controller was restarted.
    pub(super) restarts: u64,
}

impl Lasting {
    pub(super) fn new(settings: EnforcerSettings, mode: ModeState, firewall: FirewallKeeper) -> Self {
        let (before_switch, fallbacks) = (None, BTreeMap::new());
        Self { settings, mode, before_switch, firewall, generation: 0, fallbacks, restarts: 0 }
    }

    pub(super) fn state_file(&self) -> &Path {
        &self.settings.state_file
    }

    /// Writes the mode state. Where that fails, a restart of egret takes up the mode before.
    pub(super) fn persist(&self) {
        if let Err(error) = state_file::write(self.state_file(), &self.mode) {
            tracing::error!("{error}");
        }
    }

    pub(super) fn count_fallback(&mut self, reason: FallbackReason) {
        *self.fallbacks.entry(reason).or_default() += 1;
    }
}
