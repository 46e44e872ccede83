//! The plans that tests install.

use egret_enforcer::evaluate::{BlockAction, FailurePolicy};
use egret_enforcer::firewall::{Bypass, Plan, Protect, Queues};
use egret_enforcer::marks::Marks;

/// The generation of these plans.
pub(crate) const GENERATION: u32 = 5;

/// Blocks new flows, because nobody reads the queue; exempts only what must be exempt.
pub(crate) fn closed() -> Plan {
    Plan {
        queues: Queues::new(40, 1).unwrap(),
        on_failure: FailurePolicy::Closed,
        action: BlockAction::Reject,
        marks: Marks::default(),
        generation: GENERATION,
        loopback: false,
        rejudge: false,
        bypass: Bypass::default(),
        own: None,
        resolvers: Vec::new(),
        protect: Protect { dhcp: false, ntp: false, neighbours: true, kernel: true },
        exempt: Vec::new(),
    }
}

/// Passes new flows, because nobody reads the queue.
pub(crate) fn open() -> Plan {
    Plan { on_failure: FailurePolicy::Open, ..closed() }
}
