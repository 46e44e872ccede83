//! How host names are gathered.

use super::Fallback::Value;
use super::Reload::Restart;
use super::{Section, option};

pub(super) const SECTION: Section = Section {
    name: "names",
    about: "How host names are gathered: which name an address was asked for. A name is evidence, never identity.",
    options: &[
        option!(
            names.enabled,
            Value("true"),
            Restart,
            "Gather names at all. Without it, records have addresses alone."
        ),
        option!(
            names.dns,
            Value("true"),
            Restart,
            "Read DNS answers (port 53, UDP and TCP) that processes of this host get."
        ),
        option!(names.sni, Value("true"), Restart, "Read the server name in the first bytes of TLS connections."),
        option!(names.hosts, Value("true"), Restart, "Read `/etc/hosts`, for addresses that nothing else names."),
        option!(
            names.addresses,
            Value("20000"),
            Restart,
            "Addresses remembered at most; the one that was not needed for longest makes room. 20,000 usually take about \
             5 MB."
        ),
        option!(
            names.floor,
            Value("10m"),
            Restart,
            "A name is remembered at least this long, however short its TTL: programs go on using an address well after \
             the TTLs of a few seconds that content networks give."
        ),
    ],
};
