//! Packets traverse later foreign rules in the same tables as if egret's rules were absent.

use std::net::SocketAddr;

use egret_enforcer::evaluate::BlockAction;
use egret_enforcer::firewall::Plan;
use egret_enforcer::marks::Marks;
use nix::errno::Errno;

use crate::host::Host;
use crate::plans::{self, GENERATION};
use crate::traffic::{arrives, connect, connects, quickly, sender};
use crate::ways::Way;

/// Installs foreign rules behind those of egret, with the tools of the same backend.
fn behind(host: &Host, way: Way, iptables: &[&str], nft: &str) {
    if way == Way::Nftables {
        return host.feed("nft", &["-f", "-"], nft);
    }
    for tool in way.iptables() {
        iptables.iter().for_each(|words| drop(host.sh(&format!("{tool} {words}"))));
    }
}

/// Routes every packet by a mark that overwrites all other bits, and drops packets without it.
fn route_by_mark(host: &Host, way: Way) {
    behind(
        host,
        way,
        &["-t mangle -A OUTPUT -m mark --mark 0 -j MARK --set-mark 0x77", "-A OUTPUT -m mark ! --mark 0x77 -j DROP"],
        "table inet others {
             chain marking { type route hook output priority -140; meta mark 0 meta mark set 0x77; }
             chain checking { type filter hook output priority 10; meta mark != 0x77 drop; }
         }",
    );
}

/// The packet has its mark when it reaches the rules, as after a verdict.
pub(crate) fn passing_packets_traverse_foreign_rules(way: Way) {
    let marks = Marks::default();
    for (mark, remembered) in [(marks.allowed(GENERATION), marks.allowed(GENERATION)), (marks.passed(), 0)] {
        let host = Host::new();
        host.within(|| way.firewall().install(&plans::closed()).unwrap());
        route_by_mark(&host, way);
        for (to, receiver) in host.receivers(0) {
            assert!(arrives(&sender(&host, mark, 0, to), &receiver), "{to} {mark:#x}");
            assert_eq!(host.connection_marks(to), [remembered], "{to}");
        }
        for (to, _listener) in host.listeners() {
            assert!(!connects(&host, to), "unevaluated packets do not pass");
        }
    }
}

/// Every rule that exempts packets.
pub(crate) fn exempt_packets_traverse_foreign_rules(way: Way) {
    let host = Host::new();
    let mut plan = plans::closed();
    plan.bypass.users = vec![nix::unistd::geteuid().as_raw()];
    host.within(|| way.firewall().install(&plan).unwrap());
    route_by_mark(&host, way);
    for (to, receiver) in host.receivers(0) {
        assert!(arrives(&sender(&host, 0, 0, to), &receiver), "{to}");
    }
}

/// A VPN kill switch: packets that later foreign rules drop are dropped, whatever the verdict is.
pub(crate) fn later_foreign_rules_drop_passing_packets(way: Way) {
    let host = Host::new();
    host.within(|| way.firewall().install(&plans::open()).unwrap());
    behind(
        &host,
        way,
        &["-t mangle -A OUTPUT -p tcp --syn -j DROP"],
        "table inet others { chain kill { type route hook output priority -140; tcp flags syn drop; }; }",
    );
    for (to, _listener) in host.listeners() {
        let allowed = Marks::default().allowed(GENERATION);
        assert_eq!(connect(&host, allowed, to).unwrap_err(), Errno::EINPROGRESS, "{to}");
    }
}

/// A foreign mark that replaces egret's does not pass blocked packets.
pub(crate) fn foreign_marks_do_not_pass_blocked_packets(way: Way) {
    for action in [BlockAction::Reject, BlockAction::Drop] {
        let host = Host::new();
        host.within(|| way.firewall().install(&Plan { action, ..plans::open() }).unwrap());
        behind(
            &host,
            way,
            &["-t mangle -A OUTPUT -j MARK --set-mark 0x77"],
            "table inet others { chain marking { type route hook output priority -140; meta mark set 0x77; }; }",
        );
        for (to, _listener) in host.listeners() {
            is_blocked(&host, action, to);
        }
        for (to, receiver) in host.receivers(0) {
            assert!(!arrives(&sender(&host, Marks::default().blocked(), 0, to), &receiver), "{to}");
        }
    }
}

fn is_blocked(host: &Host, action: BlockAction, to: SocketAddr) {
    let blocked = || connect(host, Marks::default().blocked(), to).unwrap_err();
    match action {
        BlockAction::Reject => assert_eq!(quickly(blocked), Errno::ECONNREFUSED, "{to}"),
        BlockAction::Drop => assert_eq!(blocked(), Errno::EINPROGRESS, "{to}"),
    }
}
