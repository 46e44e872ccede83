//! The mode, its transitions, and reasons to leave it.
//!
//! Everything here is pure: time is an argument, and the controller persists and carries out each transition.

mod moment;
mod monitor;
mod state;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use monitor::{Counts, FallbackMonitor, FallbackReason, Limits, Pairs};
pub use state::{Fallback, ModeState, NothingToConfirm, Now, Observed, PendingConfirmation, Resumed, Transition};

/// The mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// No packet is touched, the baseline grows.
    #[default]
    Observe,
    /// Flows are evaluated and allowed, the baseline grows.
    Learn,
    /// Flows are evaluated and allowed; what enforce would block is recorded as such.
    Shadow,
    /// What the baseline does not allow is blocked.
    Enforce,
}

impl Mode {
    /// All of them, from the mildest to the strictest.
    pub const ALL: [Self; 4] = [Self::Observe, Self::Learn, Self::Shadow, Self::Enforce];

    /// The name used in options, messages and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Learn => "learn",
            Self::Shadow => "shadow",
            Self::Enforce => "enforce",
        }
    }

    /// Whether flows are evaluated: packets go through egret's queues.
    #[must_use]
    pub const fn evaluates(self) -> bool {
        !matches!(self, Self::Observe)
    }

    /// Whether the baseline grows.
    #[must_use]
    pub const fn learns(self) -> bool {
        matches!(self, Self::Observe | Self::Learn)
    }
}
