//! Judging: from what is known of a flow, and the policy, to a verdict.
//!
//! [`judge`] and what [`Policy`] says of flows that cannot be judged are pure and total. The traits are what the packet
//! path asks of the rest of the program.

mod current;
mod judged;
mod policy;
mod scope;
mod sources;
#[cfg(test)]
mod tests;

pub use current::Current;
pub use judged::{Judged, judge, judge_without_name};
pub use policy::{Mode, OnFailure, Policy, Refusal, Unattributed};
pub(crate) use scope::{DHCP_PORTS, DNS_PORTS, NTP_PORT};
pub use scope::{Exempt, Scope};
pub use sources::{Audit, Digest, FindOwner, Grant, Identify};
