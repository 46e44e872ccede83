//! The name servers that a host asks.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

/// What programs read, and where those that answer them on this host say whom they ask: systemd-resolved and
/// `NetworkManager`. The first names them alone if they are running.
const FILES: [&str; 3] =
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf"];
/// More than any host has, and no more rules than this come of a file that somebody broke.
const MOST: usize = 32;

/// The name servers of this host, each once. Where none is configured, the C library asks the host itself:
/// resolv.conf(5).
#[must_use]
pub fn resolvers() -> Vec<IpAddr> {
    let mut found = Vec::new();
    for file in FILES {
        // A file that is not there names no server.
        for server in name_servers(&fs::read_to_string(file).unwrap_or_default()) {
            if !found.contains(&server) && found.len() < MOST {
                found.push(server);
            }
        }
    }
    if found.is_empty() {
        found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    found
}

/// The name servers in a text as of resolv.conf(5), in its order. Zones of link-local addresses are left out; what is no
/// address, too, as the C library does.
pub fn name_servers(text: &str) -> impl Iterator<Item = IpAddr> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // At the very beginning, or it is none.
        if !line.starts_with("nameserver") || words.next()? != "nameserver" {
            return None;
        }
        let address = words.next()?;
        address.split('%').next()?.parse::<IpAddr>().ok().map(|address| address.to_canonical())
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::name_servers;

    fn read(text: &str) -> Vec<String> {
        name_servers(text).map(|address| address.to_string()).collect()
    }

    #[test]
    fn as_the_c_library_reads_it() {
        let text = "# nameserver 192.0.2.9\n; nameserver 192.0.2.8\n nameserver 192.0.2.7\nsearch example.org\n\
             nameserver 192.0.2.1\nnameserver\t2001:db8::1  # the second\nnameservers 192.0.2.6\nnameserver\n\
             nameserver fe80::1%eth0\nnameserver ::ffff:192.0.2.2\nnameserver dns.example.org\noptions edns0";
        assert_eq!(read(text), ["192.0.2.1", "2001:db8::1", "fe80::1", "192.0.2.2"]);
        assert_eq!(read(""), [""; 0]);
        assert_eq!(read("nameserver 127.0.0.53\r\n"), ["127.0.0.53"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(addresses: Vec<IpAddr>, noise in "[ -~\n]{0,40}") {
            let lines = addresses.iter().map(|address| format!("nameserver {address}\n"));
            let text = format!("{}#{}", lines.collect::<String>(), noise.replace('\n', "#"));
            let read = name_servers(&text).collect::<Vec<_>>();
            prop_assert_eq!(read, addresses.iter().map(IpAddr::to_canonical).collect::<Vec<_>>());
        }
    }
}
