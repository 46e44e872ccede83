//! The configured name servers of the host.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use egret_model::Timestamp;

use crate::file_version::FileVersion;

/// The resolver configuration of programs, and the files in which local resolvers (systemd-resolved, `NetworkManager`) list their
/// own address and their upstream servers.
pub const RESOLVER_FILES: [&str; 4] = [
    "/etc/resolv.conf",
    "/run/systemd/resolve/stub-resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
];
/// Maximum number of name servers, which limits the number of rules derived from a broken file.
const MAX_SERVERS: usize = 32;
/// Minimum interval between checks of the files.
const CHECK: Duration = Duration::from_secs(1);

/// The name servers whose answers are evidence for every process.
pub(crate) struct Resolvers {
    listed: Vec<IpAddr>,
    files: Vec<(PathBuf, Option<FileVersion>)>,
    found: Vec<IpAddr>,
    checked: Timestamp,
}

impl Resolvers {
    pub(crate) fn new(listed: &[IpAddr], files: Vec<PathBuf>) -> Self {
        let files = files.into_iter().map(|file| (file, None)).collect();
        let listed = listed.iter().map(IpAddr::to_canonical).collect();
        Self { listed, files, found: Vec::new(), checked: Timestamp(i64::MIN) }
    }

    /// Whether an address is that of a configured name server.
    pub(crate) fn contains(&mut self, address: IpAddr, time: Timestamp) -> bool {
        // Also if the clock was set back.
        if time < self.checked || u128::from(time.since(self.checked)) >= CHECK.as_nanos() {
            self.checked = time;
            self.refresh();
        }
        let address = address.to_canonical();
        self.listed.contains(&address) || self.found.contains(&address)
    }

    /// Reads the files if one of them has changed.
    fn refresh(&mut self) {
        let mut is_changed = false;
        for (file, known) in &mut self.files {
            let version = FileVersion::read(file);
            is_changed |= std::mem::replace(known, version) != version;
        }
        if is_changed || self.found.is_empty() && !self.files.is_empty() {
            self.found = read(self.files.iter().map(|(file, _)| file.as_path()));
        }
    }
}

/// The distinct name servers of this host.
#[must_use]
pub fn resolvers() -> Vec<IpAddr> {
    read(RESOLVER_FILES.iter().map(Path::new))
}

/// The distinct name servers in files. Without any, the C library queries the host itself: resolv.conf(5).
fn read<'a>(files: impl Iterator<Item = &'a Path>) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for file in files {
        // A missing file has no servers.
        for server in name_servers(&fs::read_to_string(file).unwrap_or_default()) {
            if !found.contains(&server) && found.len() < MAX_SERVERS {
                found.push(server);
            }
        }
    }
    if found.is_empty() {
        found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    found
}

/// The name servers in a text in the format of resolv.conf(5), in order, without the zones of link-local addresses. Invalid addresses
/// are skipped, as by the C library.
pub fn name_servers(text: &str) -> impl Iterator<Item = IpAddr> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // The keyword must be at the beginning of the line.
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

    use egret_model::Timestamp;
    use proptest::prelude::*;

    use super::{Resolvers, name_servers};

    fn read(text: &str) -> Vec<String> {
        name_servers(text).map(|address| address.to_string()).collect()
    }

    #[test]
    fn syntax_is_that_of_the_c_library() {
        let text = "# nameserver 192.0.2.9\n; nameserver 192.0.2.8\n nameserver 192.0.2.7\nsearch example.org\n\
             nameserver 192.0.2.1\nnameserver\t2001:db8::1  # the second\nnameservers 192.0.2.6\nnameserver\n\
             nameserver fe80::1%eth0\nnameserver ::ffff:192.0.2.2\nnameserver dns.example.org\noptions edns0";
        assert_eq!(read(text), ["192.0.2.1", "2001:db8::1", "fe80::1", "192.0.2.2"]);
        assert_eq!(read(""), [""; 0]);
        assert_eq!(read("nameserver 127.0.0.53\r\n"), ["127.0.0.53"]);
    }

    #[test]
    fn changed_file_is_read_again() {
        let file = std::env::temp_dir().join(format!("egret-resolvers-{}", std::process::id()));
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut resolvers = Resolvers::new(&[address(9)], vec![file.clone()]);
        assert!(resolvers.contains(IpAddr::from([127, 0, 0, 1]), Timestamp(0)), "there is no file");
        for (second, server) in [(2, 1), (4, 22)] {
            std::fs::write(&file, format!("nameserver 192.0.2.{server}\n")).unwrap();
            let time = Timestamp(second * 1_000_000_000);
            let known = [1, 22, 9].map(|last| resolvers.contains(address(last), time));
            assert_eq!(known, [server == 1, server == 22, true]);
        }
        std::fs::remove_file(file).unwrap();
    }

    proptest! {
        #[test]
        fn listed_servers_are_parsed(addresses: Vec<IpAddr>, noise in "[ -~\n]{0,40}") {
            let lines = addresses.iter().map(|address| format!("nameserver {address}\n"));
            let text = format!("{}#{}", lines.collect::<String>(), noise.replace('\n', "#"));
            let read = name_servers(&text).collect::<Vec<_>>();
            prop_assert_eq!(read, addresses.iter().map(IpAddr::to_canonical).collect::<Vec<_>>());
        }
    }
}
