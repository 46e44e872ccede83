//! How far egret goes, and how it gets there and back.
//!
//! Everything here is pure: time is given, and who decides keeps and carries out what is decided.

mod alarm;
mod moment;
mod situation;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use alarm::{Alarm, Counts, FallbackReason, Limits, Pairs};
pub use situation::{Fallback, NothingToConfirm, Now, Resumed, Situation, Trial};

/// How far egret goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It looks on: no packet is touched, the baseline grows.
    #[default]
    Observe,
    /// Packets are judged and let through, the baseline grows.
    Learn,
    /// Packets are judged and let through, and what enforcing would block is recorded.
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

    /// Whether packets go through egret's queues.
    #[must_use]
    pub const fn judges(self) -> bool {
        !matches!(self, Self::Observe)
    }

    /// Whether rules are added to the baseline for what is seen.
    #[must_use]
    pub const fn learns(self) -> bool {
        matches!(self, Self::Observe | Self::Learn)
    }
}
