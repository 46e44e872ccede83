//! IPv6, and names.

use std::net::SocketAddr;
use std::process::Command;

use egret_tests::{Process, needing};
use libtest_mimic::Trial;

use crate::host::{Fate, Host, switch};
use crate::test;

/// Where the name server listens.
const NAME_SERVER: &str = "127.0.0.2:53";

pub(crate) fn trials() -> Vec<Trial> {
    vec![test("wide::ipv6", ipv6), needing("dnsmasq", test("wide::names_behind_changing_addresses", names))]
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

fn name_server(host: &Host, address: &str) -> Process {
    let at: SocketAddr = NAME_SERVER.parse().unwrap();
    let mut command: Command = host.namespace.command("dnsmasq");
    command.args(["--no-daemon", "--pid-file=", "--conf-file=/dev/null", "--no-hosts", "--no-resolv"]);
    command.args(["--bind-interfaces", &format!("--listen-address={}", at.ip())]);
    command.arg(format!("--host-record=changing.test,{address}"));
    host.namespace.serve(&mut command, &[at])
}

fn names() {
    let host = Host::resolving("nameserver 127.0.0.2");
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let rule = format!("allow exe={} -> tcp changing.test {}", allowed.display(), host.port());
    let daemon = host.enforcing(&[rule]);
    for address in ["127.8.0.1", "127.8.0.2", "127.8.0.3"] {
        let _server = name_server(&host, address);
        assert_eq!(host.fetch_from(&allowed, "changing.test"), Fate::Passed, "{address}");
        assert_eq!(host.fetch_from(&unknown, "changing.test"), Fate::Refused, "{address}");
    }
    assert_eq!(host.fetch_from(&allowed, "127.8.0.4"), Fate::Refused, "nobody asked for a name of it");
    assert!(daemon.stop().status.success());
}
