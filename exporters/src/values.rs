//! Values of attributes that are one of a fixed set.

use egret_model::{Attribution, NameSource, NetworkType, Verdict};

/// The value of [`crate::names::ATTRIBUTION`].
#[must_use]
pub const fn attribution(attribution: Attribution) -> &'static str {
    match attribution {
        Attribution::Cookie => "cookie",
        Attribution::Tuple => "tuple",
        Attribution::Diag => "diag",
        Attribution::Procfs => "procfs",
        Attribution::Unknown => "unknown",
    }
}

/// The value of [`crate::names::NAME_SOURCE`].
#[must_use]
pub const fn name_source(source: NameSource) -> &'static str {
    match source {
        NameSource::Dns => "dns",
        NameSource::Sni => "sni",
        NameSource::Hosts => "hosts",
    }
}

/// The value of [`crate::names::NETWORK_TYPE`].
#[must_use]
pub const fn network_type(network_type: NetworkType) -> &'static str {
    match network_type {
        NetworkType::Ipv4 => "ipv4",
        NetworkType::Ipv6 => "ipv6",
    }
}

/// The value of [`crate::names::VERDICT`].
#[must_use]
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::WouldBlock => "would_block",
        Verdict::Block => "block",
    }
}

/// Verdicts, in the order of their indices.
pub const VERDICTS: [Verdict; 3] = [Verdict::Allow, Verdict::WouldBlock, Verdict::Block];

/// Attributions, in the order of their indices: best first.
pub const ATTRIBUTIONS: [Attribution; 5] =
    [Attribution::Cookie, Attribution::Tuple, Attribution::Diag, Attribution::Procfs, Attribution::Unknown];

/// Container runtimes, the values of [`crate::names::CONTAINER_RUNTIME`].
pub const CONTAINER_RUNTIMES: [&str; 4] = ["docker", "containerd", "cri-o", "podman"];

/// The container runtime of this name.
#[must_use]
pub fn container_runtime(name: &str) -> Option<&'static str> {
    CONTAINER_RUNTIMES.into_iter().find(|runtime| *runtime == name)
}
