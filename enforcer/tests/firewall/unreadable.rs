//! Tables of iptables-nft that contain rules of nftables: the tools show nothing of them.

use egret_enforcer::firewall::{BackendChoice, Guardian, Hierarchy, Inspection, NAME, Tools, choose, sweep};
use egret_tests::until;

use crate::foreign::is_same;
use crate::host::Host;
use crate::plans;
use crate::ways::{Way, only};

/// Rules in tables of egret that no iptables tool can show.
const FOREIGN: [&str; 3] = [
    "table ip mangle { chain OUTPUT { type route hook output priority mangle; ct state invalid counter drop; }; }",
    "table ip6 mangle { chain OUTPUT { type route hook output priority mangle; fib daddr type local counter accept; }; }",
    "table ip filter { chain mine { fib daddr type local counter accept; }; }",
];

pub(crate) fn unreadable_tables_are_not_installed_into() {
    for foreign in FOREIGN {
        let host = Host::new();
        host.feed("nft", &["-f", "-"], foreign);
        let before = host.listing();
        let error = host.within(|| Way::IptablesNft.firewall().install(&plans::closed()).unwrap_err()).to_string();
        assert!(error.contains("cannot show the table") && error.contains("nft list table ip"), "{error}");
        assert!(!host.within(|| Way::IptablesNft.firewall().remove().unwrap()), "there is nothing of egret's");
        is_same(&host.listing(), &before);

        // Without the legacy variant, no backend is available.
        let (_programs, tools) =
            only(&["iptables-nft-restore", "iptables-nft-save", "ip6tables-nft-restore", "ip6tables-nft-save"]);
        let chosen = host.within(|| choose(&tools, &Hierarchy::find(), BackendChoice::Iptables).map(|way| way.name()));
        let error = chosen.unwrap_err().to_string();
        assert!(error.contains("cannot show the table"), "{error}");
        is_same(&host.listing(), &before);
    }
}

pub(crate) fn table_that_became_unreadable_is_left_alone() {
    for foreign in FOREIGN {
        let host = Host::new();
        let guardian = || Guardian::install(Way::IptablesNft.firewall(), plans::closed(), Hierarchy::find()).unwrap().0;
        let mut guardian = host.within(guardian);
        host.feed("nft", &["-f", "-"], foreign);
        let before = host.listing();
        for _ in 0..2 {
            let polled = until("a poll", || match host.within(|| guardian.tick()) {
                Inspection::Unchanged => None,
                polled => Some(polled),
            });
            assert!(matches!(polled, Inspection::Failed(_)), "{polled:?}");
            is_same(&host.listing(), &before);
        }
        // A new plan is not installed either.
        host.within(|| guardian.replace(plans::closed()).unwrap_err());
        is_same(&host.listing(), &before);
        assert!(guardian.recreated().is_empty());
        assert!(host.within(|| guardian.remove().unwrap()));
        assert!(!host.listing().contains(NAME), "{}", host.listing());
    }
}

/// A process that did not install the rules removes them, with all duplicates of the jump.
pub(crate) fn rules_in_an_unreadable_table_are_removed() {
    for foreign in FOREIGN {
        let host = Host::new();
        host.within(|| Way::IptablesNft.firewall().install(&plans::closed()).unwrap());
        for _ in 0..3 {
            host.sh(&format!("iptables-nft -t mangle -A OUTPUT -m comment --comment {NAME} -j {NAME}"));
        }
        host.feed("nft", &["-f", "-"], foreign);
        // In front of all other rules as well.
        host.sh("nft insert rule ip mangle OUTPUT ct state invalid counter drop");
        let swept = host.within(|| sweep(&Tools::default(), &Hierarchy::find()).unwrap());
        assert_eq!(swept, ["iptables-nft"]);
        let after = host.listing();
        assert!(!after.contains(NAME), "{after}");
        assert!(after.contains("ct state invalid counter drop") || after.contains("fib daddr type local"), "{after}");
        assert_eq!(host.within(|| sweep(&Tools::default(), &Hierarchy::find()).unwrap()), [""; 0]);
    }
}

/// A foreign jump to egret's chain prevents its removal, which is reported.
pub(crate) fn foreign_jump_that_prevents_removal_is_reported() {
    let host = Host::new();
    host.within(|| Way::IptablesNft.firewall().install(&plans::closed()).unwrap());
    host.sh(&format!("iptables-nft -t mangle -N others && iptables-nft -t mangle -A others -j {NAME}"));
    host.feed("nft", &["-f", "-"], FOREIGN[0]);
    let error = host.within(|| sweep(&Tools::default(), &Hierarchy::find()).unwrap_err()).to_string();
    assert!(error.contains("cannot remove egret's rules"), "{error}");
    // No jump leads sent packets into the chain any more, and it is empty.
    let after = host.listing();
    assert!(!after.contains("NFQUEUE"), "{after}");
}
