//! The mode of enforcement.

use serde::{Deserialize, Serialize};

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
