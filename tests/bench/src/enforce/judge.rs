//! Programs that evaluate packets.

use clap::ValueEnum;

/// A program that evaluates packets, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Judge {
    /// No rule
    Nobody,
    /// One iptables rule that accepts connections in the state NEW
    Conntrack,
    /// The same, measured once more: how far apart two equal things come out
    Control,
    /// One iptables rule that queues them, and the accept-all program of libnetfilter-queue's examples
    C,
    /// egret run in observe: it records and judges nothing
    Observe,
    /// egret run in learn, 10 rules
    Learn,
    /// egret run in shadow, 10 rules
    Shadow,
    /// egret run in enforce, 10 rules
    Enforce,
    /// egret run in enforce, 1,000 rules
    #[value(name = "enforce-1k")]
    Enforce1k,
    /// egret run in enforce, 100,000 rules
    #[value(name = "enforce-100k")]
    Enforce100k,
    /// The OpenSnitch daemon, finding processes in /proc, allowing all
    Opensnitch,
}

use Judge::{C, Conntrack, Control, Enforce, Enforce1k, Enforce100k, Learn, Nobody, Observe, Opensnitch, Shadow};

impl Judge {
    /// The name in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Nobody => "no rule",
            Conntrack => "conntrack",
            Control => "conntrack again",
            C => "C accept-all",
            Observe => "egret observe",
            Learn => "egret learn",
            Shadow => "egret shadow",
            Enforce => "egret enforce",
            Enforce1k => "egret enforce, 1,000 rules",
            Enforce100k => "egret enforce, 100,000 rules",
            Opensnitch => "OpenSnitch",
        }
    }

    /// The mode that egret is in, and the rules that it has.
    pub(super) const fn egret(self) -> Option<(&'static str, usize)> {
        match self {
            Observe => Some(("observe", 10)),
            Learn => Some(("learn", 10)),
            Shadow => Some(("shadow", 10)),
            Enforce => Some(("enforce", 10)),
            Enforce1k => Some(("enforce", 1000)),
            Enforce100k => Some(("enforce", 100_000)),
            Nobody | Conntrack | Control | C | Opensnitch => None,
        }
    }

    /// Whether it is egret with evaluation.
    pub(super) fn is_egret_judging(self) -> bool {
        self.egret().is_some_and(|(mode, _)| mode != "observe")
    }
}
