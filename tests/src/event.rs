//! One line of `egret trace --format json`.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use serde::Deserialize;

/// An event, with the names of the contract.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    pub timestamp: Timestamp,
    #[serde(rename = "event.name")]
    pub name: String,
    #[serde(rename = "connection.id")]
    pub connection: String,
    #[serde(rename = "process.pid")]
    pub pid: Option<u32>,
    #[serde(rename = "process.executable.path")]
    pub path: Option<String>,
    #[serde(rename = "process.executable.name")]
    pub executable: Option<String>,
    #[serde(rename = "process.executable.sha256")]
    pub sha256: Option<String>,
    #[serde(rename = "process.executable.build_id.htlhash")]
    pub build_id: Option<String>,
    #[serde(rename = "process.command_args", default)]
    pub args: Vec<String>,
    #[serde(rename = "egret.script")]
    pub script: Option<String>,
    #[serde(rename = "process.parent_pid")]
    pub parent: Option<u32>,
    #[serde(rename = "process.user.id")]
    pub uid: Option<u32>,
    #[serde(rename = "process.user.name")]
    pub user: Option<String>,
    #[serde(rename = "process.start_time")]
    pub started: Option<Timestamp>,
    #[serde(rename = "systemd.unit")]
    pub unit: Option<String>,
    #[serde(rename = "container.id")]
    pub container: Option<String>,
    #[serde(rename = "container.runtime.name")]
    pub runtime: Option<String>,
    #[serde(rename = "container.name")]
    pub container_name: Option<String>,
    #[serde(rename = "container.image.name")]
    pub image: Option<String>,
    #[serde(rename = "container.image.tags", default)]
    pub image_tags: Vec<String>,
    #[serde(rename = "network.transport")]
    pub transport: Option<String>,
    #[serde(rename = "network.type")]
    pub network: Option<String>,
    #[serde(rename = "network.local.address")]
    pub local_address: Option<IpAddr>,
    #[serde(rename = "network.local.port")]
    pub local_port: Option<u16>,
    #[serde(rename = "network.peer.address")]
    pub peer_address: Option<IpAddr>,
    #[serde(rename = "network.peer.port")]
    pub peer_port: Option<u16>,
    #[serde(rename = "egret.network.interface")]
    pub interface: Option<String>,
    #[serde(rename = "server.address")]
    pub server: Option<String>,
    #[serde(rename = "egret.name.source")]
    pub name_source: Option<String>,
    #[serde(rename = "egret.attribution")]
    pub attribution: String,
    #[serde(rename = "egret.capture")]
    pub layer: String,
    #[serde(rename = "egret.network.host", default)]
    pub own_namespace: bool,
    #[serde(rename = "egret.inbound", default)]
    pub inbound: bool,
    #[serde(rename = "egret.connect.outstanding", default)]
    pub outstanding: bool,
    #[serde(rename = "egret.standing", default)]
    pub preexisting: bool,
    #[serde(rename = "egret.verdict")]
    pub verdict: Option<String>,
    #[serde(rename = "error.type")]
    pub error: Option<String>,
    #[serde(rename = "egret.connect.duration_ns")]
    pub connect_ns: Option<u64>,
    #[serde(rename = "egret.connection.duration_ns")]
    pub connection_ns: Option<u64>,
    #[serde(rename = "egret.bytes.sent")]
    pub sent: Option<u64>,
    #[serde(rename = "egret.bytes.received")]
    pub received: Option<u64>,
    #[serde(rename = "egret.bytes.sent_delta")]
    pub sent_delta: Option<u64>,
    #[serde(rename = "egret.bytes.received_delta")]
    pub received_delta: Option<u64>,
    #[serde(rename = "egret.tcp.retransmits")]
    pub retransmits: Option<u32>,
}

impl Event {
    /// The socket's cookie: the first half of the connection's id.
    #[must_use]
    pub fn cookie(&self) -> u64 {
        let first = self.connection.split('-').next().unwrap_or_default();
        u64::from_str_radix(first, 16).unwrap_or_else(|error| panic!("connection.id {}: {error}", self.connection))
    }

    /// The local endpoint, if both address and port are known.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.local_address?, self.local_port?))
    }

    /// The peer, if both address and port are known.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.peer_address?, self.peer_port?))
    }
}
