//! Where an address is, as far as the address itself says.

use std::net::IpAddr;

/// Where a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// On this host: loopback (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3).
    Host,
    /// In a network that is not routed on the internet: private (RFC 1918), shared (RFC 6598), unique local (RFC 4193), link-local,
    /// multicast and broadcast addresses.
    Internal,
    /// Anywhere else.
    External,
}

impl Place {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            address if address.is_loopback() || address.is_unspecified() => Self::Host,
            address if address.is_multicast() => Self::Internal,
            IpAddr::V4(v4) => {
                let [first, second, ..] = v4.octets();
                let is_shared = first == 100 && (64..128).contains(&second);
                let is_internal = v4.is_private() || v4.is_link_local() || v4.is_broadcast() || is_shared;
                if is_internal { Self::Internal } else { Self::External }
            }
            IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => Self::Internal,
            IpAddr::V6(_) => Self::External,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn addresses_that_the_internet_does_not_route_are_internal() {
        for (address, expected) in [
            ("127.9.0.1", Place::Host),
            ("::1", Place::Host),
            ("0.0.0.0", Place::Host),
            ("::ffff:10.0.0.1", Place::Internal),
            ("172.31.255.255", Place::Internal),
            ("172.32.0.0", Place::External),
            ("192.168.1.1", Place::Internal),
            ("100.64.0.1", Place::Internal),
            ("100.128.0.1", Place::External),
            ("169.254.1.1", Place::Internal),
            ("224.0.0.251", Place::Internal),
            ("255.255.255.255", Place::Internal),
            ("fd00::1", Place::Internal),
            ("fe80::1", Place::Internal),
            ("ff02::fb", Place::Internal),
            ("2001:db8::1", Place::External),
            ("8.8.8.8", Place::External),
        ] {
            assert_eq!(Place::of(address.parse().unwrap()), expected, "{address}");
        }
    }
}
