//! IPv6, link-local addresses, and names.

use std::net::SocketAddr;
use std::process::Command;

use egret_tests::{Namespace, Process, needing, stdout_of};
use libtest_mimic::Trial;

use crate::host::{Fate, Host, switch, until_learned};
use crate::test;
use crate::web::Web;

/// Where the name server listens.
const NAME_SERVER: &str = "127.0.0.2:53";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("wide::ipv6_is_enforced", ipv6),
        needing("dnsmasq", test("wide::rule_by_name_matches_changing_addresses", names)),
        needing("ip", test("wide::link_local_rule_matches_only_its_interface", link_local)),
    ]
}

fn ipv6() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let rule = format!("allow exe={} -> tcp ::1 {}", allowed.display(), host.port());
    let daemon = host.enforcing(&[rule]);
    assert_eq!([&allowed, &unknown].map(|program| host.fetch_from(program, "[::1]")), [Fate::Passed, Fate::Refused]);
    assert_eq!(host.fetch(&allowed), Fate::Refused, "the same over IPv4");
    switch(&daemon, &["observe"]);
    assert_eq!(host.fetch_from(&unknown, "[::1]"), Fate::Passed);
    assert!(daemon.stop().status.success());
}

/// A host behind a veth pair, with the address that all neighbours have. This host's own addresses differ: the kernel
/// routes a reset without considering the interface of the packet that it answers.
fn neighbour(host: &Host, cable: &str, own: &str) -> (Namespace, Web) {
    let other = Namespace::resolving("");
    let [here, there] = [&host.namespace, &other].map(|namespace| namespace.pid().to_string());
    let ends = ["link", "add", cable, "netns", &here, "type", "veth", "peer", "name", "cable", "netns", &there];
    stdout_of(Command::new("ip").args(ends));
    for (namespace, cable, address) in [(&host.namespace, cable, own), (&other, "cable", "fe80::1/64")] {
        // Removes other addresses, whose duplicate detection would take a second (RFC 4862, 5.4).
        stdout_of(namespace.command("ip").args(["link", "set", "dev", cable, "addrgenmode", "none"]));
        stdout_of(namespace.command("ip").args(["link", "set", cable, "up"]));
        stdout_of(namespace.command("ip").args(["address", "add", address, "dev", cable, "nodad"]));
    }
    let web = Web::start_at(&other, host.port());
    (other, web)
}

fn link_local() {
    let host = Host::new();
    let _neighbours = [("one", "fe80::2/64"), ("two", "fe80::3/64")].map(|(cable, own)| neighbour(&host, cable, own));
    let [narrow, wide, learning] = ["narrow", "wide", "learning"].map(|name| host.program(name));
    let rules = [
        format!("allow exe={} -> tcp fe80::1%one {}", narrow.display(), host.port()),
        format!("allow exe={} -> tcp fe80::1 {}", wide.display(), host.port()),
    ];
    let daemon = host.setup(&rules).start_in(&host.namespace);
    let fetch = |program, cable| host.fetch_from(program, &format!("[fe80::1%25{cable}]"));
    switch(&daemon, &["learn"]);
    assert_eq!(fetch(&learning, "two"), Fate::Passed);
    until_learned(daemon.setup(), &["learning", " -> tcp fe80::1%two "]);
    switch(&daemon, &["enforce"]);
    // Twice, because verdicts are cached.
    for _ in 0..2 {
        assert_eq!(["one", "two"].map(|cable| fetch(&narrow, cable)), [Fate::Passed, Fate::Refused]);
        assert_eq!(["one", "two"].map(|cable| fetch(&wide, cable)), [Fate::Passed; 2]);
        assert_eq!(["one", "two"].map(|cable| fetch(&learning, cable)), [Fate::Refused, Fate::Passed]);
    }
    assert!(daemon.stop().status.success());
}

fn name_server(host: &Host, address: &str) -> Process {
    let at: SocketAddr = NAME_SERVER.parse().unwrap();
    let mut command: Command = host.namespace.command("dnsmasq");
    command.args(["--no-daemon", "--pid-file=", "--conf-file=/dev/null", "--no-hosts", "--no-resolv"]);
    command.args(["--bind-interfaces", &format!("--listen-address={}", at.ip())]);
    command.arg(format!("--host-record=changing.test,sub.changing.test,{address}"));
    host.namespace.serve(&mut command, &[at])
}

fn names() {
    let host = Host::resolving("nameserver 127.0.0.2");
    let [allowed, wide, unknown] = ["allowed", "wide", "unknown"].map(|name| host.program(name));
    let rule = format!("allow exe={} -> tcp changing.test {}", allowed.display(), host.port());
    let domain = format!("allow exe={} -> .changing.test {}", wide.display(), host.port());
    let daemon = host.enforcing(&[rule, domain]);
    for address in ["127.8.0.1", "127.8.0.2", "127.8.0.3"] {
        let _server = name_server(&host, address);
        assert_eq!(host.fetch_from(&allowed, "changing.test"), Fate::Passed, "{address}");
        assert_eq!(host.fetch_from(&unknown, "changing.test"), Fate::Refused, "{address}");
        let names = ["changing.test", "sub.changing.test"];
        assert_eq!(names.map(|name| host.fetch_from(&wide, name)), [Fate::Passed; 2], "{address}");
        assert_eq!(host.fetch_from(&allowed, "sub.changing.test"), Fate::Refused, "{address}");
    }
    assert_eq!(host.fetch_from(&allowed, "127.8.0.4"), Fate::Refused, "no name of it was resolved");
    assert!(daemon.stop().status.success());
}
