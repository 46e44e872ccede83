//! Host names.

use super::section;
use crate::kind::{AbsolutePath, Addresses, Count, Flag, Time};

section! {
    /// Host names: the name that was looked up for an address. A name is evidence, never identity.
    pub names: Names {
        /// Gather names. Without this option events have only addresses.
        enabled: Flag = "true", Restart;

        /// Read the DNS answers (port 53, UDP and TCP) that processes of this host receive.
        dns: Flag = "true", Restart;

        /// Read the server name (SNI) in the first bytes of TLS connections.
        sni: Flag = "true", Restart;

        /// Read `/etc/hosts`, for addresses without another name.
        hosts: Flag = "true", Restart;

        /// Most addresses whose names are kept, and a quarter of that for answers of other name servers and network
        /// namespaces. The least recently used entry is evicted. 20,000 usually take about 8 MB.
        addresses: Count<1, 1_000_000> = "20000", Restart;

        /// A name is kept at least this long even if its TTL is shorter: programs use an address long after the TTLs of a
        /// few seconds that content delivery networks set.
        floor: Time = "10m", Restart;

        /// Trusted name servers, besides those of `/etc/resolv.conf`, systemd-resolved and `NetworkManager`. Answers of
        /// other name servers are shown, but a rule matches by such a name only for the program that received the answer.
        resolvers: Addresses = unset "none", example r#"["192.0.2.53"]"#, Restart;

        /// The file that keeps names over a restart of egret, so that programs which use an address from before are not
        /// blocked because its name is unknown. Only egret can read it. It is ignored after a reboot.
        file: AbsolutePath = "/var/lib/egret/names", Restart;

        /// How often that file is written if there were answers. A daemon that is killed loses at most this much.
        save_every: Time = "1m", Restart;
    }
}
