//! Rules that lead what this host sends to egret, and carry its verdicts out.
//!
//! ```text
//! Plan -> rules -> back end (nftables, iptables) -> kernel
//!                      ^ Guardian: looks, and installs anew what others removed
//! ```
//!
//! Whatever is installed is egret's own and named so: a table, or a chain in each of two tables and the rule that leads
//! to it. Nothing of anybody else is changed, moved or read for more than its place.

mod cgroup;
mod choose;
mod guardian;
mod iptables;
mod nftables;
mod plan;
mod rule;
mod ruleset;
mod tool;
mod tracking;

pub use cgroup::{ControlGroup, ControlGroupError, Hierarchy};
pub use choose::{BackendChoice, choose, sweep};
pub use guardian::{Cause, Guardian, Inspection};
pub use iptables::{Iptables, Kernel, Variant};
pub use nftables::Nftables;
pub use plan::{Bypass, Plan, Protect, Queues, Spread};
pub use rule::Family;
pub use tool::{Fault, ToolError, Tools};
pub use tracking::Tracking;

/// What every object of egret's is called.
pub const NAME: &str = "egret";

/// A way to get rules into the kernel.
pub trait Firewall: Send {
    /// Its name.
    fn name(&self) -> &'static str;

    /// How to learn that somebody changed something.
    fn watch(&self) -> Watch;

    /// What [`Self::install`] would have installed on a host where there is nothing yet, word for word.
    fn render(&self, plan: &Plan) -> String;

    /// Installs the rules, or replaces those that are there: in each table at once, so that no packet meets half of
    /// them.
    ///
    /// # Errors
    ///
    /// They cannot be installed. Of a first installation nothing is left then; where there were rules, they are still in
    /// force, if some tables of iptables perhaps in their new form.
    fn install(&mut self, plan: &Plan) -> Result<Installed, FirewallError>;

    /// Removes whatever there is of egret's, whoever installed it; false if there was nothing.
    ///
    /// # Errors
    ///
    /// It cannot be removed.
    fn remove(&mut self) -> Result<bool, FirewallError>;

    /// Whether somebody flushed what was installed. The kernel is asked, and no program: this is cheap also where those are
    /// slow. False where the kernel does not say.
    fn is_flushed(&self) -> bool;

    /// Compares what there is with what was installed.
    ///
    /// # Errors
    ///
    /// It cannot be looked at.
    fn check(&mut self) -> Result<State, FirewallError>;
}

/// How to learn that somebody changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// The kernel counts the changes of its rules.
    Generation,
    /// One has to look.
    Look,
}

/// What became of installed rules, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// They are as they were installed.
    Intact,
    /// Something comes before them, or they are led to from elsewhere.
    Displaced,
    /// They are others.
    Altered,
    /// Some or all are gone.
    Missing,
}

/// What was installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// What could not be done here.
    pub lacks: Vec<Lack>,
}

/// Something that a host does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// There is no IPv6 traffic.
    #[error("this kernel has no IPv6: only IPv4 is judged")]
    Ipv6,
    /// IPv6 traffic is not evaluated.
    #[error("there is no ip6tables on this host: IPv6 is not judged; install the package iptables")]
    Ip6tables,
    /// A unit that does not run: its rule comes with it.
    #[error("there is no control group {0} now: its bypass begins when there is")]
    ControlGroup(ControlGroup),
}

/// Why something could not be done with rules.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// A tool did not do it.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// No way works.
    #[error("no firewall works here: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    None(Vec<ToolError>),
    /// Something of egret's is still there.
    #[error("not all of egret's rules are removed: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Left(Vec<ToolError>),
}

impl Plan {
    /// The plan without the control groups that are not there, which the kernel would take for an error.
    fn present(&self, hierarchy: &Hierarchy) -> (Self, Vec<Lack>) {
        let is_there = |group: &ControlGroup| hierarchy.id(group).is_some();
        let mut plan = self.clone();
        plan.bypass.cgroups.retain(is_there);
        plan.own = plan.own.filter(is_there);
        let gone = self.control_groups().filter(|group| !is_there(group));
        let lacks = gone.cloned().map(Lack::ControlGroup).collect();
        (plan, lacks)
    }

    /// All control groups in it.
    fn control_groups(&self) -> impl Iterator<Item = &ControlGroup> {
        self.bypass.cgroups.iter().chain(&self.own)
    }
}
