//! How host names are gathered.

use super::section;
use crate::kind::{AbsolutePath, Addresses, Count, Flag, Time};

section! {
    /// How host names are gathered: which name an address was asked for. A name is evidence, never identity.
    pub names: Names {
        /// Gather names at all. Without it, records have addresses alone.
        enabled: Flag = "true", Restart;

        /// Read DNS answers (port 53, UDP and TCP) that processes of this host get.
        dns: Flag = "true", Restart;

        /// Read the server name in the first bytes of TLS connections.
        sni: Flag = "true", Restart;

        /// Read `/etc/hosts`, for addresses that nothing else names.
        hosts: Flag = "true", Restart;

        /// Addresses remembered at most, and a quarter of that for answers of other name servers and network
        /// namespaces; the one that was not needed for longest makes room. 20,000 usually take about 8 MB.
        addresses: Count<1, 1_000_000> = "20000", Restart;

        /// A name is remembered at least this long, however short its TTL: programs go on using an address well after
        /// the TTLs of a few seconds that content networks give.
        floor: Time = "10m", Restart;

        /// Addresses of name servers that are believed, besides those of `/etc/resolv.conf`, systemd-resolved and
        /// `NetworkManager`. The answers of any other are shown, but rules match by them for the program alone that was
        /// given them.
        resolvers: Addresses = unset "none", example r#"["192.0.2.53"]"#, Restart;

        /// Where names are kept over a restart of egret, so that programs that hold an address are not blocked for want
        /// of its name. It is readable by egret alone, and of no use after a reboot.
        file: AbsolutePath = "/var/lib/egret/names", Restart;

        /// How often that file is written if there were answers. It is what a killed daemon loses at most.
        save_every: Time = "1m", Restart;
    }
}
