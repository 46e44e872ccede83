//! What enforcement would judge of a log, as the configuration has it.

use std::net::IpAddr;
use std::path::Path;

use egret_enforcer::judge::{Exempt, Scope, Unattributed};
use nix::ifaddrs::getifaddrs;

use crate::config::{self, Enforce};
use crate::enforce;

/// What enforcement would judge, and what is not known of that.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) scope: Scope,
    pub(super) unattributed: Unattributed,
}

impl Judged {
    /// By the configuration at this path, or the usual one; by the defaults where it cannot be read.
    pub(super) fn configured(path: Option<&Path>) -> Self {
        let settings = match config::load(path, std::env::vars_os()) {
            Ok(loaded) => loaded.settings.enforce,
            Err(problems) => {
                problems.iter().for_each(|problem| eprintln!("egret: {problem}"));
                eprintln!("egret: what enforcement judges is taken from the defaults");
                config::load(None, std::iter::empty()).ok().and_then(|loaded| loaded.settings.enforce)
            }
        };
        settings.as_ref().map_or_else(Self::everything, Self::of)
    }

    /// Where nothing can be enforced: everything, so that nothing is hidden.
    fn everything() -> Self {
        Self { scope: Scope::default().with_loopback(), unattributed: Unattributed::Block }
    }

    fn of(settings: &Enforce) -> Self {
        let unattributed = match settings.live.unattributed {
            config::Unattributed::Allow => Unattributed::Allow,
            config::Unattributed::Block => Unattributed::Block,
        };
        if !settings.live.bypass_groups.is_empty() {
            eprintln!(
                "egret: the log has no groups of processes: flows that enforce.bypass_groups exempts are counted"
            );
        }
        match enforce::scope(settings) {
            Ok(scope) => Self { scope: scope.with_own_addresses(own_addresses()), unattributed },
            Err(error) => {
                eprintln!("egret: {error}");
                Self { unattributed, ..Self::everything() }
            }
        }
    }
}

/// Addresses of this host's interfaces; a log of another host has others.
fn own_addresses() -> Vec<IpAddr> {
    let Ok(addresses) = getifaddrs() else { return Vec::new() };
    let ip = |address: nix::sys::socket::SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        v4.or_else(|| Some(IpAddr::from(address.as_sockaddr_in6()?.ip())))
    };
    addresses.filter_map(|interface| ip(interface.address?)).collect()
}

/// A line for each reason why flows were left out.
pub(super) fn told<'a>(exempt: impl IntoIterator<Item = (&'a Exempt, &'a u64)>) -> Vec<String> {
    exempt.into_iter().map(|(why, count)| format!("{count} {}", why.explanation())).collect()
}
