//! The backends that install rules.

use std::fmt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::LazyLock;

use egret_enforcer::firewall::{
    BackendChoice, Firewall, Hierarchy, Iptables, Kernel, NAME, Nftables, Tools, Variant, choose, sweep,
};
use egret_tests::{Scratch, write_program};

use crate::foreign::{is_same, without_empty_tables};
use crate::host::Host;
use crate::plans;

/// A backend that installs rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    IptablesNft,
    IptablesLegacy,
    Nftables,
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::IptablesNft => "iptables-nft",
            Self::IptablesLegacy => "iptables-legacy",
            Self::Nftables if queues_in_nftables() => "nftables",
            Self::Nftables => "nftables-without-queue",
        })
    }
}

/// Whether this kernel has queues in nftables.
fn queues_in_nftables() -> bool {
    static ANSWER: LazyLock<bool> = LazyLock::new(|| {
        let probe = |host: &Host| host.within(|| Nftables::new(Tools::default(), Hierarchy::find()).probe().is_ok());
        nix::unistd::geteuid().is_root() && probe(&Host::new())
    });
    *ANSWER
}

/// The directory of an `nft` that replaces queue statements.
const WITHOUT_QUEUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/firewall/without-queue");

/// The nftables tools as this kernel can use them.
fn nft() -> Tools {
    if queues_in_nftables() { Tools::default() } else { Tools::within(vec![WITHOUT_QUEUE.into()]) }
}

impl Way {
    pub(crate) fn all() -> [Self; 3] {
        [Self::IptablesNft, Self::IptablesLegacy, Self::Nftables]
    }

    pub(crate) const fn tools_needed(self) -> &'static [&'static str] {
        match self {
            Self::IptablesNft => &["iptables-nft", "conntrack"],
            Self::IptablesLegacy => &["iptables-legacy", "conntrack"],
            Self::Nftables => &["nft", "conntrack"],
        }
    }

    pub(crate) fn firewall(self) -> Box<dyn Firewall> {
        self.firewall_with(&Tools::default(), Hierarchy::find())
    }

    pub(crate) fn firewall_with(self, tools: &Tools, hierarchy: Hierarchy) -> Box<dyn Firewall> {
        match self {
            Self::IptablesNft => Box::new(Iptables::new(tools, Variant::Named(Kernel::NfTables), hierarchy)),
            Self::IptablesLegacy => Box::new(Iptables::new(tools, Variant::Named(Kernel::Legacy), hierarchy)),
            Self::Nftables => Box::new(Nftables::new(nft(), hierarchy)),
        }
    }

    /// The same with slow tools, as with very many rules or on a slow host, and their directory.
    pub(crate) fn slow_firewall(self) -> (Scratch, Box<dyn Firewall>) {
        let scratch = Scratch::new();
        let nft = if queues_in_nftables() { "/usr/sbin" } else { WITHOUT_QUEUE };
        let tools = [
            ("nft", nft),
            ("iptables-nft-save", "/usr/sbin"),
            ("iptables-nft-restore", "/usr/sbin"),
            ("ip6tables-nft-save", "/usr/sbin"),
            ("ip6tables-nft-restore", "/usr/sbin"),
        ];
        for (tool, directory) in tools {
            let slow = scratch.path(tool);
            write_program(&slow, format!("#!/bin/sh\nsleep 0.1\nexec {directory}/{tool} \"$@\"\n").as_bytes());
        }
        let tools = Tools::within(vec![scratch.path("")]);
        let firewall: Box<dyn Firewall> = match self {
            Self::Nftables => Box::new(Nftables::new(tools, Hierarchy::find())),
            _ => self.firewall_with(&tools, Hierarchy::find()),
        };
        (scratch, firewall)
    }

    /// The programs that list its rules, for IPv4 and IPv6.
    pub(crate) fn iptables(self) -> [&'static str; 2] {
        match self {
            Self::IptablesLegacy => ["iptables-legacy", "ip6tables-legacy"],
            Self::IptablesNft | Self::Nftables => ["iptables-nft", "ip6tables-nft"],
        }
    }
}

/// A directory with these programs only.
pub(crate) fn only(programs: &[&str]) -> (Scratch, Tools) {
    let scratch = Scratch::new();
    for program in programs {
        symlink(Path::new("/usr/sbin").join(program), scratch.path(program)).unwrap();
    }
    let tools = Tools::within(vec![scratch.path("")]);
    (scratch, tools)
}

pub(crate) fn best_backend_is_chosen() {
    let host = Host::new();
    let hierarchy = Hierarchy::find();
    let chosen = |tools: &Tools, wish| host.within(|| choose(tools, &hierarchy, wish).map(|way| way.name()));
    let all = Tools::default();

    let forced = chosen(&all, BackendChoice::Nftables);
    let best = chosen(&all, BackendChoice::Auto).unwrap();
    if queues_in_nftables() {
        assert_eq!((forced.unwrap(), best), ("nftables", "nftables"));
    } else {
        let message = forced.unwrap_err().to_string();
        assert!(message.contains("cannot try whether nftables can queue packets"), "{message}");
        assert!(best.starts_with("iptables-"), "{best}");
    }

    let (_legacy, tools) = only(&["iptables-legacy-restore", "iptables-legacy-save"]);
    assert_eq!(chosen(&tools, BackendChoice::Auto).unwrap(), "iptables-legacy");
    let (_nft, tools) = only(&["iptables-nft-restore", "iptables-nft-save"]);
    assert_eq!(chosen(&tools, BackendChoice::Iptables).unwrap(), "iptables-nft");

    let (_none, tools) = only(&[]);
    let message = chosen(&tools, BackendChoice::Auto).unwrap_err().to_string();
    assert!(
        message.contains("install the package nftables") && message.contains("install the package iptables"),
        "{message}"
    );

    // Probing the backends leaves nothing behind.
    assert!(!host.listing().contains(NAME), "{}", host.listing());
}

pub(crate) fn leftovers_of_every_backend_are_removed() {
    let host = Host::new();
    let (tools, hierarchy) = (Tools::default(), Hierarchy::find());
    host.touch_legacy_tables();
    let before = host.listing();
    for way in Way::all() {
        host.within(|| way.firewall().install(&plans::closed()).unwrap());
    }
    let mut swept = host.within(|| sweep(&tools, &hierarchy).unwrap());
    swept.sort_unstable();
    assert_eq!(swept, ["iptables-legacy", "iptables-nft", "nftables"]);
    let after = host.listing();
    assert!(!after.contains(NAME), "{after}");
    // An empty table may stay, since nothing records who created it.
    is_same(&without_empty_tables(&after), &without_empty_tables(&before));
    assert_eq!(host.within(|| sweep(&tools, &hierarchy).unwrap()), [""; 0]);
}
