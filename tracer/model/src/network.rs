//! Transports, addresses and ports.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The value of `network.transport`.
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
    pub fn from_socket(family: u16, socket_type: u16, protocol: u16) -> Self {
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

    /// The name in records, options and metrics.
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

    /// The transport of this name. Records do not distinguish raw protocols: the number becomes 255, which IANA reserves.
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

/// A network interface by its name, or by its index if the name is unknown, as in other network namespaces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interface {
    /// Padded with zeros.
    bytes: [u8; Self::MAX_LENGTH],
}

impl Interface {
    /// Maximum length of a name, bytes (`IFNAMSIZ` in include/uapi/linux/if.h, without the NUL).
    pub const MAX_LENGTH: usize = 15;

    /// The interface of this name. `None` for an invalid name, or one that options and rules cannot express: with blanks or one of
    /// `/`, `%`, `#`, `"` and `,`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '%' | '#' | '"' | ',');
        let mut bytes = [0; Self::MAX_LENGTH];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        (!name.is_empty() && !name.contains(is_odd)).then_some(Self { bytes })
    }

    /// The interface of this index, whose name is unknown.
    #[must_use]
    pub fn from_index(index: u32) -> Self {
        let mut bytes = [0; Self::MAX_LENGTH];
        let digits = index.to_string();
        // Ten digits at most.
        bytes.iter_mut().zip(digits.bytes()).for_each(|(byte, digit)| *byte = digit);
        Self { bytes }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(Self::MAX_LENGTH);
        self.bytes.get(..length).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Whether an address is in fe80::/10: another host on every link (RFC 4007).
#[must_use]
pub const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Parses `ADDRESS%INTERFACE`, as `fe80::1%eth0`. `None` for other text, and for an address that is not link-local.
#[must_use]
pub fn parse_link_local(text: &str) -> Option<(Ipv6Addr, Interface)> {
    let (address, interface) = text.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    address.is_unicast_link_local().then_some((address, Interface::from_name(interface)?))
}

/// An endpoint of a flow. Unknown values are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A v4-mapped address is stored as IPv4.
    pub address: Option<IpAddr>,
    /// Absent for transports without ports.
    pub port: Option<u16>,
    /// The interface of a link-local peer. Other endpoints have none.
    pub interface: Option<Interface>,
}

impl Endpoint {
    /// An endpoint of a record of the kernel side: a mapped address becomes IPv4, and an unspecified one without a port is unknown.
    #[must_use]
    pub fn from_wire(address: [u8; 16], port: u16) -> Self {
        let address = IpAddr::from(address).to_canonical();
        let unset = address.is_unspecified() && port == 0;
        Self { address: (!unset).then_some(address), port: (port != 0).then_some(port), interface: None }
    }

    /// The endpoint with an interface, if its address is link-local.
    #[must_use]
    pub fn behind(self, interface: Option<Interface>) -> Self {
        Self { interface: interface.filter(|_| self.address.is_some_and(is_link_local)), ..self }
    }

    #[must_use]
    pub const fn without_interface(self) -> Self {
        Self { interface: None, ..self }
    }

    #[must_use]
    pub fn network_type(&self) -> Option<NetworkType> {
        self.address.map(|address| match address {
            IpAddr::V4(_) => NetworkType::Ipv4,
            IpAddr::V6(_) => NetworkType::Ipv6,
        })
    }

    /// `ADDRESS:PORT` with `*` for unknown values, and with the interface of a link-local address.
    #[must_use]
    pub fn to_text(&self) -> Cow<'static, str> {
        if let (Some(address), Some(interface)) = (self.address, self.interface) {
            return match self.port {
                Some(port) => format!("[{address}%{interface}]:{port}").into(),
                None => format!("{address}%{interface}").into(),
            };
        }
        match (self.address, self.port) {
            (None, None) => Cow::Borrowed("*"),
            (None, Some(port)) => format!("*:{port}").into(),
            (Some(address), None) => address.to_string().into(),
            (Some(IpAddr::V4(address)), Some(port)) => format!("{address}:{port}").into(),
            (Some(IpAddr::V6(address)), Some(port)) => format!("[{address}]:{port}").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(address: &str, interface: &str) -> Endpoint {
        let endpoint = Endpoint { address: Some(address.parse().unwrap()), port: Some(22), interface: None };
        endpoint.behind(Interface::from_name(interface))
    }

    #[test]
    fn interface_names_are_validated() {
        for name in ["eth0", "br-lan.7", "wg@1", "15 bytes long..".replace(' ', "-").as_str(), "gerät"] {
            assert_eq!(Interface::from_name(name).map(|interface| interface.to_string()).as_deref(), Some(name));
        }
        for name in ["", "sixteen-bytes-xx", "a b", "a/b", "a%b", "a#b", "a\"b", "a,b", "a\n"] {
            assert_eq!(Interface::from_name(name), None, "{name:?}");
        }
        assert_eq!(Interface::from_index(u32::MAX).as_str(), "4294967295");
        assert_eq!(Some(Interface::from_index(7)), Interface::from_name("7"));
    }

    #[test]
    fn only_link_local_addresses_have_an_interface() {
        assert_eq!(behind("fe80::1", "eth0").to_text(), "[fe80::1%eth0]:22");
        assert_eq!(Endpoint { port: None, ..behind("fe80::1", "eth0") }.to_text(), "fe80::1%eth0");
        assert_ne!(behind("fe80::1", "eth0"), behind("fe80::1", "eth1"));
        assert_eq!(behind("fe80::1", "eth0").without_interface().to_text(), "[fe80::1]:22");
        for other in ["2001:db8::1", "ff02::1", "fec0::1", "169.254.0.1"] {
            assert_eq!(behind(other, "eth0").interface, None, "{other}");
        }
    }

    #[test]
    fn link_local_address_with_interface_is_parsed() {
        let eth0 = Interface::from_name("eth0").unwrap();
        assert_eq!(parse_link_local("fe80::1%eth0"), Some(("fe80::1".parse().unwrap(), eth0)));
        for text in
            ["fe80::1", "fe80::1%", "2001:db8::1%eth0", "169.254.0.1%eth0", "fe80::1%eth0%1", "%eth0", "fe80::1%a/b"]
        {
            assert_eq!(parse_link_local(text), None, "{text}");
        }
    }
}
