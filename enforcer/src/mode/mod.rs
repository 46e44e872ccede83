//! The mode, its transitions, and reasons to leave it.
//!
//! Everything here is pure: time is an argument, and the controller persists and carries out each transition.

mod moment;
mod monitor;
mod state;
#[cfg(test)]
mod tests;

pub use egret_model::Mode;
pub use monitor::{Counts, FallbackMonitor, FallbackReason, Limits, Pairs};
pub use state::{Fallback, ModeState, NothingToConfirm, Now, Observed, PendingConfirmation, Resumed, Transition};
