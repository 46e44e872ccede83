//! Inbound and preexisting connections.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use egret_tests::{Hand, Namespace, PATIENCE, stdout_of, until};
use libtest_mimic::Trial;

use crate::host::{Fate, Host, baseline, fate, state, switch};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("inbound::connections_survive_every_mode_switch", || inbound(false, SERVER)),
        test("inbound::connections_survive_reevaluation", || inbound(true, CLIENT)),
        test("inbound::connections_whose_server_speaks_first_survive_reevaluation", || inbound(true, SERVER)),
        test("inbound::preexisting_connection_continues_by_default", || preexisting(false)),
        test("inbound::preexisting_connection_is_evaluated_if_configured", || preexisting(true)),
    ]
}

/// Which endpoint sends first after a switch.
const CLIENT: usize = 0;
const SERVER: usize = 1;

/// A host behind a veth pair.
pub(crate) fn neighbour(host: &Host) -> Namespace {
    let other = Namespace::resolving("");
    let [here, there] = [&host.namespace, &other].map(|namespace| namespace.pid().to_string());
    let ip = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        stdout_of(Command::new("ip").args(words))
    };
    ip(&format!("link add cable netns {here} type veth peer name cable netns {there}"));
    for (namespace, address) in [(&host.namespace, "10.9.7.1/24"), (&other, "10.9.7.2/24")] {
        stdout_of(namespace.command("ip").args(["address", "add", address, "dev", "cable"]));
        stdout_of(namespace.command("ip").args(["link", "set", "cable", "up"]));
    }
    other
}

/// Both endpoints send, and the other one receives.
fn talk(ends: &mut [TcpStream; 2], first: usize) {
    for (from, to) in [(first, 1 - first), (1 - first, first)] {
        ends[from].write_all(b"still here").unwrap();
        ends[to].set_read_timeout(Some(PATIENCE)).unwrap();
        let mut heard = [0; 10];
        ends[to].read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"still here");
    }
}

fn inbound(again: bool, first: usize) {
    let host = Host::new();
    let other = neighbour(&host);
    let unknown = host.program("unknown");
    let listener = host.namespace.within(|| TcpListener::bind("10.9.7.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    let connect = || {
        let client = other.within(|| TcpStream::connect(address).unwrap());
        [client, listener.accept().unwrap().0]
    };
    let setup = host.setup(&[]).set("enforce.established", &again.to_string()).text("enforce.loopback", "skip");
    // Not even this test itself is allowed.
    std::fs::write(setup.path("baseline"), "format 1\n").unwrap();
    let daemon = setup.start_in(&host.namespace);
    let mut all = vec![connect()];
    for mode in ["learn", "shadow", "enforce", "shadow", "enforce", "observe", "enforce"] {
        switch(&daemon, &[mode]);
        all.push(connect());
        all.iter_mut().for_each(|ends| talk(ends, first));
    }
    let reachable = other.within(|| TcpListener::bind("10.9.7.2:0").unwrap());
    let mut command = host.namespace.command(unknown.to_str().unwrap());
    command.args(["--silent", "--noproxy", "*", "--connect-timeout", "5"]);
    command.arg(format!("http://{}/", reachable.local_addr().unwrap()));
    assert_eq!(fate(&mut command), Fate::Refused, "flows that this host begins are evaluated");
    all.iter_mut().for_each(|ends| talk(ends, first));
    assert!(daemon.stop().status.success());
    all.iter_mut().for_each(|ends| talk(ends, first));
}

fn preexisting(again: bool) {
    let host = Host::new();
    let program = host.generator("client");
    let rule = format!("exe={} -> tcp 127.0.0.1 *", program.display());
    let setup = host.setup(&[format!("allow {rule}")]).set("enforce.established", &again.to_string());
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let listener = host.namespace.within(|| TcpListener::bind("127.0.0.1:0").unwrap());
    let peer = listener.local_addr().unwrap();
    let start = || Hand::start(&mut host.namespace.command(program.to_str().unwrap()));
    let mut hand = start();
    assert_eq!(connected(&mut hand, peer), None);
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut heard = [0; 7];
    server.read_exact(&mut heard).unwrap();
    let before = state(&daemon)["generation"].as_u64();
    baseline(daemon.setup(), "deny", &[&rule]);
    until("the rule to be in force", || (state(&daemon)["generation"].as_u64() > before).then_some(()));
    assert_eq!(connected(&mut start(), peer).as_deref(), Some("ECONNREFUSED"));
    if again {
        until("the end of the connection", || hand.run("send").error);
    } else {
        for _ in 0..10 {
            hand.make("send");
            server.read_exact(&mut heard).unwrap();
        }
    }
    assert!(daemon.stop().status.success());
}

/// Connects and sends; returns the error.
fn connected(hand: &mut Hand, peer: SocketAddr) -> Option<String> {
    hand.make("tcp 0.0.0.0:0");
    hand.make(&format!("connect {peer}"));
    until("an answer", || {
        let error = hand.run("send").error;
        (error.as_deref() != Some("EAGAIN")).then_some(error)
    })
}
