//! For how much an answer is.

use serde::{Deserialize, Serialize};

use crate::baseline::{Destination, Host, Ports, Rule};

/// For how much an answer is: the flow that was asked about, or more of the same program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Extent {
    /// To which hosts.
    pub hosts: Hosts,
    /// To any port, over any transport.
    pub any_port: bool,
}

/// To which hosts the flows go that an answer is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hosts {
    /// The name that was asked for, or the address.
    #[default]
    This,
    /// The name's registered domain and everything below it.
    Domain,
    /// Any.
    Any,
}

impl Extent {
    /// All of them, those that are for less first.
    pub(super) const ALL: [Self; 6] = [
        Self { hosts: Hosts::This, any_port: false },
        Self { hosts: Hosts::This, any_port: true },
        Self { hosts: Hosts::Domain, any_port: false },
        Self { hosts: Hosts::Domain, any_port: true },
        Self { hosts: Hosts::Any, any_port: false },
        Self { hosts: Hosts::Any, any_port: true },
    ];

    /// Whether it is for the flow that was asked about alone.
    #[must_use]
    pub fn is_one_flow(&self) -> bool {
        *self == Self::default()
    }

    /// The rule about all of it, made of the rule about one flow; none where that asks for no name that has a domain.
    pub(super) fn widen(self, rule: &Rule) -> Option<Rule> {
        let Destination { transport, host, ports } = &rule.destination;
        let host = match self.hosts {
            Hosts::This => host.clone(),
            Hosts::Domain => host.domain()?,
            Hosts::Any => Host::Any,
        };
        let (transport, ports) = if self.any_port { (None, Ports::Any) } else { (*transport, *ports) };
        Some(Rule { subject: rule.subject.clone(), destination: Destination { transport, host, ports } })
    }
}
