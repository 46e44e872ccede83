//! Foreign rules are kept.

use std::fs;

use egret_enforcer::firewall::{ControlGroup, Hierarchy, Lack, NAME, Plan, State, Tools};
use egret_tests::Scratch;

use crate::host::Host;
use crate::plans;
use crate::ways::{Way, only};

/// Foreign rules: iptables commands for both families, and nftables text. Some of their names resemble egret's.
pub(crate) struct Foreign {
    name: &'static str,
    v4: &'static str,
    v6: &'static str,
    nft: &'static str,
}

/// The rule sets that are most common.
pub(crate) const ALL: [Foreign; 3] = [
    Foreign {
        name: "Docker",
        v4: include_str!("foreign/docker.v4"),
        v6: "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n",
        nft: include_str!("foreign/docker.nft"),
    },
    Foreign {
        name: "ufw",
        v4: include_str!("foreign/ufw.v4"),
        v6: include_str!("foreign/ufw.v6"),
        nft: include_str!("foreign/ufw.nft"),
    },
    Foreign {
        name: "firewalld",
        v4: include_str!("foreign/firewalld.v4"),
        v6: "*filter\n:OUTPUT_direct - [0:0]\n-A OUTPUT -j OUTPUT_direct\nCOMMIT\n",
        nft: include_str!("foreign/firewalld.nft"),
    },
];

impl Foreign {
    /// Installs the rules. Replaces what the same tables held before.
    pub(crate) fn load(&self, way: Way, host: &Host) {
        let [v4, v6] = way.iptables().map(|tool| format!("{tool}-restore"));
        host.feed(&v4, &[], self.v4);
        host.feed(&v6, &[], self.v6);
        host.feed("nft", &["-f", "-"], self.nft);
    }
}

/// A listing without empty tables, which the tools create and nobody removes.
pub(crate) fn without_empty_tables(listing: &str) -> String {
    let untouched = |line: &str| line.starts_with(':') && line.ends_with("ACCEPT");
    let mut kept = String::new();
    let mut rest = listing.split_inclusive('\n').peekable();
    while let Some(line) = rest.next() {
        let is_table = line.starts_with('*') || line.starts_with("table ");
        let mut table = line.to_owned();
        let mut empty = is_table;
        while is_table && let Some(line) = rest.next() {
            table.push_str(line);
            let text = line.trim();
            if line == "COMMIT\n" || line == "}\n" {
                break;
            }
            let of_nft = text.is_empty() || text == "}" || text == "chain OUTPUT {" || text.ends_with("policy accept;");
            empty &= untouched(text) || of_nft;
        }
        if !empty {
            kept.push_str(&table);
        }
    }
    kept
}

/// Asserts that all lines of the first are in the second, in the same order.
pub(crate) fn is_kept(first: &str, second: &str) {
    let mut rest = second.lines();
    for line in first.lines() {
        assert!(rest.any(|other| other == line), "{line:?} is not at its place any more in\n{second}");
    }
}

/// Asserts that both are the same.
pub(crate) fn is_same(now: &str, before: &str) {
    if now != before {
        let added = now.lines().filter(|line| !before.lines().any(|other| other == *line)).collect::<Vec<_>>();
        let gone = before.lines().filter(|line| !now.lines().any(|other| other == *line)).collect::<Vec<_>>();
        panic!("added: {added:#?}\ngone: {gone:#?}\nnow:\n{now}");
    }
}

pub(crate) fn foreign_rules_are_kept(way: Way) {
    for foreign in &ALL {
        let host = Host::new();
        host.touch_legacy_tables();
        foreign.load(way, &host);
        let before = host.listing();
        let mut firewall = way.firewall();
        host.within(|| firewall.install(&plans::closed()).unwrap());
        assert_eq!(host.within(|| firewall.check().unwrap()), State::Intact, "{}", foreign.name);
        let installed = host.listing();
        assert!(installed.contains(NAME), "{installed}");
        is_kept(&before, &installed);

        host.within(|| firewall.install(&plans::open()).unwrap());
        is_kept(&before, &host.listing());
        assert_eq!(host.within(|| firewall.check().unwrap()), State::Intact, "{}", foreign.name);

        assert!(host.within(|| firewall.remove().unwrap()));
        is_same(&host.listing(), &before);
    }
}

pub(crate) fn removal_leaves_no_trace_on_an_empty_host(way: Way) {
    let host = Host::new();
    if way == Way::IptablesLegacy {
        host.touch_legacy_tables();
    }
    let before = host.listing();
    let mut firewall = way.firewall();
    host.within(|| firewall.install(&plans::closed()).unwrap());
    assert!(host.within(|| firewall.remove().unwrap()));
    is_same(&host.listing(), &before);
}

/// A set in the table of egret, which no iptables tool shows.
pub(crate) fn foreign_objects_in_egret_tables_are_kept() {
    let host = Host::new();
    let mut firewall = Way::IptablesNft.firewall();
    host.within(|| firewall.install(&plans::closed()).unwrap());
    host.sh("nft add set ip mangle others '{ type ipv4_addr; elements = { 192.0.2.1 }; }'");
    let set = || host.sh("nft list set ip mangle others");
    let before = set();
    assert!(host.within(|| firewall.remove().unwrap()));
    assert_eq!(set(), before);
    assert!(!host.listing().contains("OUTPUT {"), "{}", host.listing());
}

pub(crate) fn second_installation_changes_nothing(way: Way) {
    let host = Host::new();
    let mut firewall = way.firewall();
    host.within(|| firewall.install(&plans::closed()).unwrap());
    let once = host.listing();
    host.within(|| firewall.install(&plans::closed()).unwrap());
    is_same(&host.listing(), &once);
    assert_eq!(host.within(|| firewall.check().unwrap()), State::Intact);
}

pub(crate) fn rules_of_a_killed_daemon_are_replaced(way: Way) {
    let host = Host::new();
    host.within(|| way.firewall().install(&plans::open()).unwrap());
    let mut firewall = way.firewall();
    // They are not known to match a plan.
    assert_eq!(host.within(|| firewall.check().unwrap()), State::Altered);
    host.within(|| firewall.install(&plans::closed()).unwrap());
    let replaced = host.listing();
    assert_eq!(host.within(|| firewall.check().unwrap()), State::Intact);

    let fresh = Host::new();
    fresh.within(|| way.firewall().install(&plans::closed()).unwrap());
    is_same(&replaced, &fresh.listing());

    // A firewall that never installed anything removes the rules as well.
    assert!(host.within(|| way.firewall().remove().unwrap()));
    assert!(!host.listing().contains(NAME), "{}", host.listing());
}

pub(crate) fn partial_rules_are_removed_completely(way: Way) {
    let [v4, v6] = way.iptables();
    let jump = format!("-m comment --comment {NAME} -j {NAME}");
    let halves = [
        format!("{v4} -t mangle -N {NAME}"),
        format!("{v4} -t filter -N {NAME} && {v4} -A FORWARD -j {NAME} && {v4} -A OUTPUT -g {NAME}"),
        format!("{v6} -t mangle -N {NAME} && {v6} -t mangle -A OUTPUT {jump} && {v6} -t mangle -A OUTPUT {jump}"),
        format!("nft add table inet {NAME}"),
        format!("nft add table inet {NAME} && nft add chain inet {NAME} judge"),
    ];
    let of_way = |half: &&String| half.starts_with("nft") == (way == Way::Nftables);
    for half in halves.iter().filter(of_way) {
        for first_installed in [false, true] {
            let host = Host::new();
            host.sh(half);
            let mut firewall = way.firewall();
            if first_installed {
                host.within(|| firewall.install(&plans::closed()).unwrap());
                assert_eq!(host.within(|| firewall.check().unwrap()), State::Intact, "{half}");
            }
            assert!(host.within(|| firewall.remove().unwrap()), "{half}");
            assert!(!host.listing().contains(NAME), "{half}: {}", host.listing());
        }
    }
}

pub(crate) fn failed_installation_keeps_the_former_rules_or_none(way: Way) {
    let host = Host::new();
    host.touch_legacy_tables();
    let before = host.listing();
    // A cgroup path that the tools refuse: it is outside the hierarchy of the kernel, and deeper than `nft` can count.
    let elsewhere = Scratch::new();
    let deep = "a/".repeat(256);
    fs::create_dir_all(elsewhere.path(&deep)).unwrap();
    let plan = Plan { own: Some(ControlGroup::new(&deep).unwrap()), ..plans::closed() };
    let mut firewall = way.firewall_with(&Tools::default(), Hierarchy::at(elsewhere.path("")));
    let error = host.within(|| firewall.install(&plan).unwrap_err()).to_string();
    assert!(error.starts_with("cannot install egret's rules: /"), "{error}");
    is_same(&host.listing(), &before);

    host.within(|| firewall.install(&plans::closed()).unwrap());
    let installed = host.listing();
    host.within(|| firewall.install(&plan).unwrap_err());
    is_same(&host.listing(), &installed);
    assert_eq!(host.within(|| firewall.check().unwrap()), State::Intact);
}

pub(crate) fn removal_without_rules_changes_nothing(way: Way) {
    let host = Host::new();
    let before = host.listing();
    let mut firewall = way.firewall();
    assert!(!host.within(|| firewall.remove().unwrap()));
    // Not even a table that the kernel creates on the first access.
    is_same(&host.listing(), &before);
}

pub(crate) fn missing_ip6tables_is_reported(way: Way) {
    let [v4, _] = way.iptables();
    let (_programs, tools) = only(&[&format!("{v4}-restore"), &format!("{v4}-save")]);
    let host = Host::new();
    let mut firewall = way.firewall_with(&tools, Hierarchy::find());
    let installed = host.within(|| firewall.install(&plans::closed()).unwrap());
    assert_eq!(installed.lacks, [Lack::Ip6tables]);
    assert!(installed.lacks[0].to_string().ends_with("install the package iptables"));
    assert_eq!(host.within(|| firewall.check().unwrap()), State::Intact);
    assert!(host.within(|| firewall.remove().unwrap()));
    assert!(!host.listing().contains(NAME));
}
