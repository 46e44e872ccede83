//! Evaluation: from a flow, its owner and the policy to a verdict.
//!
//! [`evaluate()`] and what [`Policy`] says of flows that cannot be evaluated are pure and total. The traits are what the packet
//! path needs of the rest of the program.

mod current;
mod evaluation;
mod policy;
mod scope;
mod sources;
#[cfg(test)]
mod tests;

pub use current::Current;
pub use evaluation::{Evaluation, evaluate, evaluate_without_name};
pub use policy::{BlockAction, FailurePolicy, Policy, UnattributedPolicy};
pub(crate) use scope::{DHCP_PORTS, DNS_PORTS, NTP_PORT};
pub use scope::{Exempt, Scope};
pub use sources::{Audit, Digest, FindOwner, Grant, Identify};
