//! The packet path: packets that netfilter queues, and their verdicts.
//!
//! ```text
//! packet -> fast path: owner, cached verdict -> verdict
//!               | none
//!               v
//!           slow path: identity, evaluation -> verdict, cached for the fast path
//! ```
//!
//! The fast path is a number of workers with a queue each, among which a firewall rule spreads the packets. They never wait: a
//! packet that they cannot settle at once goes to the queue of the slow path, a worker that may wait, for a bounded time and with
//! all packets accounted for. Every packet gets a verdict: one that cannot be evaluated is treated as the
//! [`FailurePolicy`](crate::evaluate::FailurePolicy) says, like one that the kernel cannot hand over because a queue is full or
//! nobody reads it. A worker that panics or cannot read its queue is reported in [`QueueLength::failed`].

mod breaker;
mod budget;
mod cache;
mod counts;
mod digests;
mod fast;
mod interfaces;
mod netlink;
mod packet_verdict;
mod parked;
mod returning;
mod settings;
mod shared;
mod slow;
mod socket;
mod state;
mod totals;
mod wake;
mod workers;

pub use counts::{BUCKETS, Latency};
pub use settings::{Settings, WorkersError};
pub use state::{QueueLength, QueueState, WorkerFailure};
pub use totals::Totals;
pub use workers::{Finders, Sources, Workers, try_queue};
