//! The parts that all sinks share: a bounded queue of batches and an account of every event.
//!
//! ```text
//! offer -> queue (waiting) -> next (in hand) -> sent | dropped, with a reason
//! ```
//!
//! At all times `enqueued = sent + dropped + queued`, where `queued` counts the events that wait and those in the sink's hands.

mod batch;
mod ledger;
mod queue;
mod rate_limit;

pub use egret_model::snapshot::{Account, DropReason, Drops, SpoolDropReason, SpoolDrops, SpoolState};

pub use self::batch::Batch;
pub use self::ledger::Ledger;
pub use self::queue::{Receiver, Sender, queue};
pub(crate) use self::rate_limit::RateLimit;
