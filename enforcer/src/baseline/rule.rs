//! A rule: who, and to whom.

use std::fmt;

use super::destination::Destination;
use super::facts::Facts;
use super::subject::Subject;

/// Who, and to whom. What is to be done with such flows is said by its [`super::Entry`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    /// Who.
    pub subject: Subject,
    /// To whom.
    pub destination: Destination,
}

impl Rule {
    /// Whether a flow is one of those meant.
    #[must_use]
    pub fn covers(&self, facts: &Facts<'_>) -> bool {
        self.destination.covers(facts) && self.subject.covers(facts)
    }

    /// Whether another rule covers every flow that this one covers.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.subject.is_within(&other.subject) && self.destination.is_within(&other.destination)
    }
}

/// As lines have it, without the action.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.subject, self.destination)
    }
}

/// What is to be done with the flows of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Let them through.
    Allow,
    /// Block them, whatever other rules allow.
    Deny,
    /// Neither: every one of them failed so far. The rule is there for people to read, and becomes one that allows with the
    /// first flow that succeeds.
    Tried,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Deny, Self::Tried];

    /// As lines have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Tried => "tried",
        }
    }
}

/// How a rule was generalised to several destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Generalisation {
    /// Many names below one.
    Names,
    /// Many addresses of a network.
    Addresses,
    /// Many high ports of a host.
    Ports,
}

impl Generalisation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Names, Self::Addresses, Self::Ports];

    /// What was many, as lines have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Addresses => "addresses",
            Self::Ports => "ports",
        }
    }
}
