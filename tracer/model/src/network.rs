//! Transports, addresses and ports.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What carries the payload: the value of `network.transport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// Multipath TCP (RFC 8684).
    Mptcp,
    /// UDP.
    Udp,
    /// UDP-Lite (RFC 3828).
    UdpLite,
    /// ICMP and `ICMPv6`, through raw or datagram sockets.
    Icmp,
    /// SCTP.
    Sctp,
    /// Another IP protocol through a raw socket, by its IANA number.
    Raw(u8),
    /// Link-layer frames through a packet socket.
    Packet,
}

const AF_PACKET: u16 = 17;
const SOCK_RAW: u16 = 3;

impl Transport {
    /// The transport of a socket, from its `AF_*`, `SOCK_*` and `IPPROTO_*` numbers.
    #[must_use]
    pub fn of_socket(family: u16, socket_type: u16, protocol: u16) -> Self {
        if family == AF_PACKET {
            return Self::Packet;
        }
        match (protocol, socket_type) {
            (1 | 58, _) => Self::Icmp,
            (other, SOCK_RAW) => Self::Raw(u8::try_from(other).unwrap_or(u8::MAX)),
            (6, _) => Self::Tcp,
            (262, _) => Self::Mptcp,
            (17, _) => Self::Udp,
            (136, _) => Self::UdpLite,
            (132, _) => Self::Sctp,
            (other, _) => Self::Raw(u8::try_from(other).unwrap_or(u8::MAX)),
        }
    }

    /// The name used in records, options and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Mptcp => "mptcp",
            Self::Udp => "udp",
            Self::UdpLite => "udplite",
            Self::Icmp => "icmp",
            Self::Sctp => "sctp",
            Self::Raw(_) => "raw",
            Self::Packet => "packet",
        }
    }

    /// The transport of this name. Records do not tell raw protocols apart: theirs is then 255, which IANA reserves.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        use Transport::{Icmp, Mptcp, Packet, Raw, Sctp, Tcp, Udp, UdpLite};
        let all = [Tcp, Mptcp, Udp, UdpLite, Icmp, Sctp, Raw(u8::MAX), Packet];
        all.into_iter().find(|transport| transport.as_str() == name)
    }

    /// Whether its endpoints have ports.
    #[must_use]
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Mptcp | Self::Udp | Self::UdpLite | Self::Sctp)
    }

    /// Whether connections of this transport have a handshake.
    #[must_use]
    pub const fn has_handshake(self) -> bool {
        matches!(self, Self::Tcp | Self::Mptcp | Self::Sctp)
    }
}

impl Serialize for Transport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Transport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &"a transport"))
    }
}

/// The value of `network.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkType {
    /// Internet Protocol version 4.
    Ipv4,
    /// Internet Protocol version 6.
    Ipv6,
}

/// One end of a flow. What is not known is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Address; a v4-mapped one is kept as IPv4.
    pub address: Option<IpAddr>,
    /// Port; absent for transports without ports.
    pub port: Option<u16>,
}

impl Endpoint {
    /// An endpoint as the wire has it: a mapped address becomes IPv4; an unspecified one without a port is
    /// unknown.
    #[must_use]
    pub fn from_wire(address: [u8; 16], port: u16) -> Self {
        let address = IpAddr::from(address).to_canonical();
        let unset = address.is_unspecified() && port == 0;
        Self { address: (!unset).then_some(address), port: (port != 0).then_some(port) }
    }

    /// `ipv4` or `ipv6`, where the address is known.
    #[must_use]
    pub fn network_type(&self) -> Option<NetworkType> {
        self.address.map(|address| match address {
            IpAddr::V4(_) => NetworkType::Ipv4,
            IpAddr::V6(_) => NetworkType::Ipv6,
        })
    }

    /// `address:port` as people write it, `*` for what is unknown.
    #[must_use]
    pub fn to_text(&self) -> Cow<'static, str> {
        match (self.address, self.port) {
            (None, None) => Cow::Borrowed("*"),
            (None, Some(port)) => format!("*:{port}").into(),
            (Some(address), None) => address.to_string().into(),
            (Some(IpAddr::V4(address)), Some(port)) => format!("{address}:{port}").into(),
            (Some(IpAddr::V6(address)), Some(port)) => format!("[{address}]:{port}").into(),
        }
    }
}
