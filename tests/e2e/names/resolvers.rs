//! Names from DNS: dnsmasq is the server, curl the client.

use std::net::SocketAddr;
use std::process::Command;

use egret_tests::{Event, Namespace, Process, Trace, needing, test};
use libtest_mimic::Trial;

use super::web::{Web, fetch};
use super::{names, until_closed};

/// The addresses of the authoritative server.
const UPSTREAM: [&str; 2] = ["127.0.0.2:53", "[::1]:53"];
/// The address of the stub resolver.
const STUB: &str = "127.0.0.53:53";
/// Addresses of `many.test`: their answer exceeds a datagram.
const MANY: usize = 60;

pub(crate) fn trials() -> Vec<Trial> {
    let tests = [
        test("names::answer_names_the_peer", || asked_for("nameserver 127.0.0.2")),
        test("names::edns_answer_names_the_peer", || asked_for("nameserver 127.0.0.2\noptions edns0")),
        test("names::answer_over_ipv6_names_the_peer", || asked_for("nameserver ::1")),
        test("names::answer_over_tcp_names_the_peer", || asked_for("nameserver 127.0.0.2\noptions use-vc")),
        test("names::answer_with_a_search_domain_names_the_peer", search_domain),
        test("names::answer_of_a_stub_resolver_names_the_peer", || asked_for("nameserver 127.0.0.53\noptions edns0")),
        test("names::truncated_answer_is_completed_over_tcp", truncated),
        test("names::answer_to_another_process_names_the_peer", somebody_else),
        test("names::syscalls_layer_has_names", syscalls),
        test("names::no_names_suppresses_names", not_wanted),
    ];
    tests.into_iter().map(|test| needing("dnsmasq", needing("curl", test))).collect()
}

/// The authoritative server and the stub resolver.
fn name_servers(namespace: &Namespace) -> [Process; 2] {
    let mut upstream = dnsmasq(namespace, &UPSTREAM);
    upstream.args(["--host-record=plain.test,127.7.0.1", "--host-record=six.test,::1"]);
    upstream.args(["--cname=www.alias.test,mid.alias.test", "--cname=mid.alias.test,host.alias.test"]);
    upstream.args(["--host-record=host.alias.test,127.7.0.2", "--host-record=short.search.test,127.7.0.3"]);
    upstream.arg("--host-record=shared.test,127.7.0.4");
    upstream.args((1..=MANY).map(|number| format!("--host-record=many.test,127.9.0.{number}")));
    let mut stub = dnsmasq(namespace, &[STUB]);
    stub.args(["--server=127.0.0.2"]);
    let addresses = UPSTREAM.map(|address| address.parse::<SocketAddr>().unwrap());
    [namespace.serve(&mut upstream, &addresses), namespace.serve(&mut stub, &[STUB.parse().unwrap()])]
}

fn dnsmasq(namespace: &Namespace, listen: &[&str]) -> Command {
    let mut command = namespace.command("dnsmasq");
    command.args(["--no-daemon", "--pid-file=", "--conf-file=/dev/null", "--no-hosts", "--no-resolv"]);
    command.arg("--bind-interfaces");
    for address in listen {
        let ip = address.parse::<SocketAddr>().unwrap().ip();
        command.arg(format!("--listen-address={ip}"));
    }
    command
}

fn asked_for(configuration: &str) {
    let namespace = Namespace::resolving(configuration);
    let _name_servers = name_servers(&namespace);
    let web = Web::start(&namespace);
    let trace = Trace::start(&["--no-standing"]);
    let asked = [("plain.test", "127.7.0.1"), ("six.test", "::1"), ("www.alias.test", "127.7.0.2")];
    let asked = asked.map(|(name, address)| {
        let pid = fetch(&namespace, &format!("http://{name}:{}/", web.port));
        until_closed(&trace, pid, web.at(address));
        (pid, name, web.at(address))
    });
    let seen = trace.stop();
    for (pid, name, peer) in asked {
        assert_eq!(names(&seen, pid, peer), [Some((name, "dns")); 2]);
    }
    assert_eq!(seen.sum.lost, 0, "{}", seen.stderr);
}

/// The resolver completes the typed name before it asks.
fn search_domain() {
    let namespace = Namespace::resolving("nameserver 127.0.0.53\nsearch search.test");
    let _name_servers = name_servers(&namespace);
    let web = Web::start(&namespace);
    let trace = Trace::start(&["--no-standing"]);
    let pid = fetch(&namespace, &format!("http://short:{}/", web.port));
    let peer = web.at("127.7.0.3");
    until_closed(&trace, pid, peer);
    assert_eq!(names(&trace.stop(), pid, peer), [Some(("short.search.test", "dns")); 2]);
}

/// The resolver repeats the question over TCP.
fn truncated() {
    let namespace = Namespace::resolving("nameserver 127.0.0.2");
    let _name_servers = name_servers(&namespace);
    let web = Web::start(&namespace);
    let trace = Trace::start(&["--no-standing"]);
    let pid = fetch(&namespace, &format!("http://many.test:{}/", web.port));
    let is_page = |event: &&Event| event.pid == Some(pid) && event.peer_port == Some(web.port);
    assert!(trace.wait_for(|events| events.iter().filter(is_page).any(|event| event.name == "connection.close")));
    let seen = trace.stop();
    let retried = |event: &&Event| event.transport.as_deref() == Some("tcp") && event.peer_port == Some(53);
    assert!(seen.of_pid(pid).into_iter().any(|event| retried(&event)), "the answer was not truncated");
    // The resolver connects a datagram socket to each address to sort them: nothing is sent, and there is no event.
    let pages: Vec<_> = seen.events.iter().filter(is_page).collect();
    assert_eq!(pages.len(), 2, "{pages:#?}");
    for event in pages {
        assert_eq!(event.server.as_deref().zip(event.name_source.as_deref()), Some(("many.test", "dns")), "{event:#?}");
    }
}

/// For a process that was not seen to ask, the answers to others are evidence.
fn somebody_else() {
    let namespace = Namespace::resolving("nameserver 127.0.0.2");
    let _name_servers = name_servers(&namespace);
    let web = Web::start(&namespace);
    let trace = Trace::start(&["--no-standing"]);
    let [before, asking, after] = ["127.7.0.4", "shared.test", "127.7.0.4"]
        .map(|host| fetch(&namespace, &format!("http://{host}:{}/", web.port)));
    let peer = web.at("127.7.0.4");
    [before, asking, after].iter().for_each(|pid| until_closed(&trace, *pid, peer));
    let seen = trace.stop();
    // No other test resolves this address.
    for (pid, name) in [(before, None), (asking, Some(("shared.test", "dns"))), (after, Some(("shared.test", "dns")))] {
        assert_eq!(names(&seen, pid, peer), [name; 2]);
    }
}

fn syscalls() {
    let namespace = Namespace::resolving("nameserver 127.0.0.53");
    let _name_servers = name_servers(&namespace);
    let web = Web::start(&namespace);
    let trace = Trace::start(&["--no-standing", "--capture", "syscalls"]);
    let pid = fetch(&namespace, &format!("http://www.alias.test:{}/", web.port));
    let is = |event: &Event| event.pid == Some(pid) && event.peer() == Some(web.at("127.7.0.2"));
    let connects = |event: &Event| is(event) && event.transport.as_deref() == Some("tcp");
    assert!(trace.wait_for(|events| events.iter().any(connects)));
    let seen = trace.stop();
    let event = seen.events.iter().find(|event| connects(event)).unwrap();
    assert_eq!(
        event.server.as_deref().zip(event.name_source.as_deref()),
        Some(("www.alias.test", "dns")),
        "{event:#?}"
    );
}

fn not_wanted() {
    let namespace = Namespace::resolving("nameserver 127.0.0.2");
    let _name_servers = name_servers(&namespace);
    let web = Web::start(&namespace);
    let trace = Trace::start(&["--no-standing", "--no-names"]);
    let pid = fetch(&namespace, &format!("http://plain.test:{}/", web.port));
    let peer = web.at("127.7.0.1");
    until_closed(&trace, pid, peer);
    assert_eq!(names(&trace.stop(), pid, peer), [None; 2]);
}
