//! Host names of the other end.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Where a host name came from.
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

/// The name that was asked for to reach an address. Evidence, not identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The name that was asked for: lower case, without the root's dot.
    pub name: Arc<str>,
    /// Where it was seen.
    pub source: NameSource,
    /// The look-up that this connection's process made for it; only where that was seen.
    pub resolution: Option<Arc<Resolution>>,
}

/// A DNS look-up, from question to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// When the question left.
    pub asked: Timestamp,
    /// When the answer came.
    pub answered: Timestamp,
    /// Who answered.
    pub resolver: SocketAddr,
}
