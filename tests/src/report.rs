//! Reports of the traffic generator. Its counts are the results of its system calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;
use serde_json::Value;

/// One connection, or the traffic with one peer of a datagram socket.
#[derive(Clone, Debug, Deserialize)]
pub struct Flow {
    pub role: String,
    pub transport: String,
    pub tid: u32,
    /// `address:port`, or an address alone for transports without ports.
    pub local: Option<String>,
    pub peer: Option<String>,
    pub sent: u64,
    pub received: u64,
    pub sends: u64,
    pub receives: u64,
    pub errno: Option<String>,
    pub cookie: Option<u64>,
    #[serde(default)]
    pub details: BTreeMap<String, Value>,
}

impl Flow {
    /// The socket's cookie.
    #[must_use]
    pub fn socket(&self) -> u64 {
        self.cookie.unwrap_or_else(|| panic!("no cookie in {self:?}"))
    }

    /// Its local address.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        address(self.local.as_deref())
    }

    /// The peer.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        address(self.peer.as_deref())
    }
}

fn address(text: Option<&str>) -> SocketAddr {
    let text = text.expect("the generator knows its addresses");
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The report of a process.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    pub way: String,
    pub pid: u32,
    pub exe: String,
    pub netns: u64,
    /// The only flow, or the sum of all.
    #[serde(flatten)]
    pub total: Flow,
    #[serde(default)]
    flows: Vec<Flow>,
    pub children: Vec<Report>,
}

impl Report {
    /// Reads the line that the generator prints.
    #[must_use]
    pub fn read(line: &str) -> Self {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the report {line:?}"))
    }

    /// Every flow of this process.
    #[must_use]
    pub fn flows(&self) -> &[Flow] {
        if self.flows.is_empty() { std::slice::from_ref(&self.total) } else { &self.flows }
    }

    /// The server that it started.
    #[must_use]
    pub fn server(&self) -> &Self {
        self.children.iter().find(|child| child.way == "server").unwrap_or_else(|| panic!("no server in {self:#?}"))
    }

    /// This process without its children.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self { children: Vec::new(), ..self.clone() }
    }

    /// This process and all its descendants.
    #[must_use]
    pub fn processes(&self) -> Vec<&Self> {
        std::iter::once(self).chain(self.children.iter().flat_map(Self::processes)).collect()
    }
}
