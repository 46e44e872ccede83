//! Keeps rules in place.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::ruleset::Ruleset;
use super::{Firewall, FirewallError, Hierarchy, Installed, Plan, State, Watch};

/// Minimum interval between two polls.
const PACE: Duration = Duration::from_secs(5);
/// The pause after a poll, in multiples of its duration: polls take at most half a percent of a CPU, and five percent while others
/// keep changing their rules. A poll takes long where there are thousands of rules.
const PAUSE_FACTOR: u32 = 200;
const PAUSE_FACTOR_AFTER_CHANGE: u32 = 20;
/// Maximum pause, however slow the host is: changes by others are repaired within seconds. Flushed rules are restored earlier.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Rules that stay as they were installed until they are removed, whatever others do to them.
///
/// It has no thread: whoever has it calls [`Guardian::tick`] about once a second, from a thread in the network namespace
/// of the rules that has `CAP_NET_ADMIN`.
pub struct Guardian {
    firewall: Box<dyn Firewall>,
    plan: Plan,
    hierarchy: Hierarchy,
    /// Identities of the plan's control groups, as they were when the rules were installed.
    groups: Vec<Option<u64>>,
    /// Where the kernel counts changes.
    ruleset: Option<Ruleset>,
    /// The count of changes at which the rules were intact.
    intact_at: Option<u32>,
    /// When to look again at the earliest.
    next: Instant,
    /// When to ask again at the earliest whether somebody flushed them: not all of a CPU goes into putting them back.
    next_quick: Instant,
    installation: Installation,
    recreated: BTreeMap<Cause, u64>,
}

/// What became of the last thing that was done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Installation {
    Installed,
    Failed,
    Removed,
}

/// Why rules were installed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Somebody removed them, as with a flush.
    Missing,
    /// Somebody changed them.
    Altered,
    /// Somebody put a rule before them.
    Displaced,
    /// A control group of the plan came, went, or is another one of the same name.
    ControlGroup,
    /// The attempt before failed, and may have left anything.
    Failed,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Missing, Self::Altered, Self::Displaced, Self::ControlGroup, Self::Failed];

    /// The name used in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Altered => "altered",
            Self::Displaced => "displaced",
            Self::ControlGroup => "control_group",
            Self::Failed => "failed",
        }
    }
}

/// What a look found.
#[derive(Debug)]
pub enum Inspection {
    /// Nothing has changed, or it is not yet time.
    Unchanged,
    /// Somebody changed something, but not egret's rules.
    Intact,
    /// The rules were installed anew.
    Recreated(Cause, Installed),
    /// The rules could not be looked at or installed; the next look tries again.
    Failed(FirewallError),
}

impl Guardian {
    /// Installs the rules.
    ///
    /// # Errors
    ///
    /// They cannot be installed.
    pub fn install(
        firewall: Box<dyn Firewall>,
        plan: Plan,
        hierarchy: Hierarchy,
    ) -> Result<(Self, Installed), FirewallError> {
        // Where it cannot be asked, one looks.
        let ruleset = (firewall.watch() == Watch::Generation).then(|| Ruleset::open().ok()).flatten();
        let mut guardian = Self {
            firewall,
            plan,
            hierarchy,
            groups: Vec::new(),
            ruleset,
            intact_at: None,
            next: Instant::now(),
            next_quick: Instant::now(),
            installation: Installation::Failed,
            recreated: BTreeMap::new(),
        };
        let installed = guardian.put()?;
        Ok((guardian, installed))
    }

    /// The way the rules are installed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.firewall.name()
    }

    /// What is installed.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How often rules were installed anew, by cause.
    #[must_use]
    pub const fn recreated(&self) -> &BTreeMap<Cause, u64> {
        &self.recreated
    }

    /// Replaces the rules at once.
    ///
    /// # Errors
    ///
    /// They cannot be installed; the next look tries again.
    pub fn replace(&mut self, plan: Plan) -> Result<Installed, FirewallError> {
        self.plan = plan;
        self.put()
    }

    /// Removes the rules, and looks for them no more until [`Self::replace`]; false if there were none.
    ///
    /// # Errors
    ///
    /// They cannot be removed, and whoever has the guardian may try again.
    pub fn remove(&mut self) -> Result<bool, FirewallError> {
        self.installation = Installation::Removed;
        self.firewall.remove()
    }

    /// Looks whether all is in place, and installs anew what is not.
    pub fn tick(&mut self) -> Inspection {
        match self.installation {
            Installation::Removed => return Inspection::Unchanged,
            Installation::Failed if Instant::now() < self.next => return Inspection::Unchanged,
            Installation::Failed => return self.recreate(Cause::Failed),
            Installation::Installed => {}
        }
        if self.groups != self.identities() {
            return self.recreate(Cause::ControlGroup);
        }
        let generation = self.ruleset.as_ref().map(|ruleset| ruleset.generation().ok());
        match generation {
            Some(Some(generation)) if self.intact_at == Some(generation) => return Inspection::Unchanged,
            // Although it rests.
            Some(_) if self.is_flushed() => return self.recreate(Cause::Missing),
            _ if Instant::now() < self.next => return Inspection::Unchanged,
            _ => {}
        }
        let begin = Instant::now();
        let state = self.firewall.check();
        let end = Instant::now();
        self.next = end + pause(end - begin, generation.is_some());
        match state {
            Err(error) => Inspection::Failed(error),
            Ok(State::Intact) => {
                // Of before the check: what changed during it is looked at next time.
                self.intact_at = generation.flatten();
                Inspection::Intact
            }
            Ok(State::Displaced) => self.recreate(Cause::Displaced),
            Ok(State::Altered) => self.recreate(Cause::Altered),
            Ok(State::Missing) => self.recreate(Cause::Missing),
        }
    }

    fn is_flushed(&self) -> bool {
        Instant::now() >= self.next_quick && self.firewall.is_flushed()
    }

    fn recreate(&mut self, cause: Cause) -> Inspection {
        let begin = Instant::now();
        let result = self.put();
        let end = Instant::now();
        self.next_quick = end + (end - begin);
        match result {
            Err(error) => Inspection::Failed(error),
            Ok(installed) => {
                *self.recreated.entry(cause).or_default() += 1;
                Inspection::Recreated(cause, installed)
            }
        }
    }

    fn put(&mut self) -> Result<Installed, FirewallError> {
        // Of before the installation: a group that changes meanwhile is seen next time.
        self.groups = self.identities();
        self.intact_at = None;
        let begin = Instant::now();
        let result = self.firewall.install(&self.plan);
        self.installation = if result.is_ok() { Installation::Installed } else { Installation::Failed };
        if result.is_err() {
            let end = Instant::now();
            self.next = end + pause(end - begin, true);
        }
        result
    }

    fn identities(&self) -> Vec<Option<u64>> {
        self.plan.control_groups().map(|group| self.hierarchy.id(group)).collect()
    }
}

/// The pause after a poll that took so long.
fn pause(took: Duration, counted: bool) -> Duration {
    let pause = if counted {
        took.saturating_mul(PAUSE_FACTOR_AFTER_CHANGE)
    } else {
        PACE.max(took.saturating_mul(PAUSE_FACTOR))
    };
    pause.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_poll_is_repeated_within_seconds() {
        for (took, counted, rests) in [
            (1, false, 5000),
            (30, false, 6000),
            (225, false, 8000),
            (9000, false, 8000),
            (10, true, 200),
            (2000, true, 8000),
        ] {
            assert_eq!(pause(Duration::from_millis(took), counted), Duration::from_millis(rests), "{took} {counted}");
        }
    }
}
