//! Host names of peers.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The source of a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameSource {
    /// A DNS answer seen on this host.
    Dns,
    /// The server name in a TLS handshake.
    Sni,
    /// `/etc/hosts`.
    Hosts,
}

/// The name that was looked up to reach an address. Evidence, not identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The queried name in lower case, without the trailing dot.
    pub name: Arc<str>,
    pub source: NameSource,
    /// It is no evidence for rules: it is from a name server that is not configured, given to another process or in another network
    /// namespace, or only the client claims it.
    pub unverified: bool,
    /// The look-up that the process made for this connection, if it was seen.
    pub resolution: Option<Arc<Resolution>>,
}

impl Server {
    /// The name, if rules match by it.
    #[must_use]
    pub fn evidence(&self) -> Option<&str> {
        (!self.unverified).then_some(&*self.name)
    }
}

/// A DNS look-up, from question to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Time of the query.
    pub asked: Timestamp,
    /// Time of the answer.
    pub answered: Timestamp,
    /// The name server.
    pub resolver: SocketAddr,
}
