//! The packet path: packets that netfilter queues, and their verdicts.
//!
//! ```text
//! packet -> fast lane: whose is it, was the like decided already -> verdict
//!               | not decided yet
//!               v
//!           slow lane: who is that, what does the policy say -> verdict, remembered for the fast lanes
//! ```
//!
//! Fast lanes are threads with a queue each, among which a firewall rule spreads the packets. They never wait: what they cannot
//! decide at once they put into the queue of the slow lane, a thread that may wait, for a bounded time and with all packets
//! accounted for. Nothing here panics, and every packet gets a verdict: what egret fails to judge is treated as
//! [`OnFailure`](crate::judge::OnFailure) says, and so is what the kernel cannot hand over because a queue is full or nobody reads it.

mod breaker;
mod cache;
mod counts;
mod decision;
mod digests;
mod fast;
mod lanes;
mod netlink;
mod parked;
mod settings;
mod shared;
mod slow;
mod socket;
mod state;
mod wake;

pub use counts::{BUCKETS, Latency};
pub use lanes::{Finders, Lanes, Sources};
pub use settings::{LanesError, Settings};
pub use state::{QueueLength, QueueState};
