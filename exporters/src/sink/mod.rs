//! What all sinks have in common: batches come in through a bounded queue, and every event of them is accounted for.
//!
//! ```text
//! offer -> queue (waiting) -> next (in hand) -> sent | dropped, with a reason
//! ```
//!
//! At every moment `enqueued = sent + dropped + queued`, where `queued` is what waits and what the sink has in hand.

mod batch;
mod ledger;
mod queue;

pub use batch::Batch;
pub use ledger::{Account, DropReason, Drops, Ledger, SpoolDrop, SpoolDrops, SpoolState};
pub use queue::{Receiver, Sender, queue};
