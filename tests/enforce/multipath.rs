//! Multipath TCP: attribution of further subflows, which a kernel thread opens.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use egret_tests::{Namespace, Setup, needing, stdout_of, until};
use libtest_mimic::Trial;

use crate::host::{Host, count, python, state, switch, until_counted};
use crate::inbound::neighbour;
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    let tests = [
        test("multipath::further_subflows_are_evaluated_by_the_rules_of_their_process", judged),
        test("multipath::further_subflows_are_attributed_to_their_process", recorded),
    ];
    tests.into_iter().map(|test| needing("ss", test)).collect()
}

/// `IPPROTO_MPTCP`.
const SERVER: &str = "import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as listener:
    listener.bind(('10.9.7.2', 7000))
    listener.listen()
    print('ready', flush=True)
    served, _ = listener.accept()
    with served:
        while data := served.recv(100):
            served.sendall(data)
";

/// Exchanges data until its input ends: subflows are opened once data was acknowledged.
const CLIENT: &str = "import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as client:
    client.connect(('10.9.7.2', 7000))
    client.sendall(b'hello')
    client.recv(100)
    print('ready', flush=True)
    sys.stdin.read()
";

/// A host with two addresses, and a neighbour with a server.
struct Paths {
    host: Host,
    _other: Namespace,
    server: Child,
    script: PathBuf,
}

impl Paths {
    fn new() -> Self {
        let host = Host::new();
        let other = neighbour(&host);
        host.run(&["ip", "address", "add", "10.9.7.3/24", "dev", "cable"]);
        for namespace in [&host.namespace, &other] {
            stdout_of(namespace.command("ip").args([
                "mptcp",
                "limits",
                "set",
                "subflow",
                "2",
                "add_addr_accepted",
                "2",
            ]));
        }
        host.run(&["ip", "mptcp", "endpoint", "add", "10.9.7.3", "dev", "cable", "subflow"]);
        let script = host.path("client.py");
        std::fs::write(&script, CLIENT).unwrap();
        let server = talking(other.command(python().to_str().unwrap()).args(["-c", SERVER]));
        Self { host, _other: other, server, script }
    }

    /// A client whose connection has a second subflow.
    fn client(&self) -> Child {
        let client = talking(self.host.namespace.command(python().to_str().unwrap()).arg(&self.script));
        until("two subflows", || {
            let sockets = self.host.run(&["ss", "-Htn", "state", "established", "dport", "=", ":7000"]);
            (sockets.lines().count() == 2).then_some(())
        });
        client
    }

    fn end(mut self, mut client: Child) {
        drop(client.stdin.take());
        assert!(client.wait().unwrap().success());
        assert!(self.server.wait().unwrap().success());
    }
}

/// A program that reports when it is ready.
fn talking(command: &mut Command) -> Child {
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    process
}

fn rule(script: &Path) -> String {
    format!("allow exe={} script={} -> tcp 10.9.7.2 7000", python().display(), script.display())
}

fn setup(paths: &Paths, rules: &[String]) -> Setup {
    paths.host.setup(rules).text("enforce.loopback", "skip").text("enforce.unattributed", "block")
}

fn judged() {
    let paths = Paths::new();
    let daemon = setup(&paths, &[rule(&paths.script)]).start_in(&paths.host.namespace);
    switch(&daemon, &["enforce"]);
    let client = paths.client();
    until_counted(&daemon, "allow", 2);
    assert_eq!(count(&state(&daemon), "block"), 0);
    paths.end(client);
    assert!(daemon.stop().status.success());
}

fn recorded() {
    let paths = Paths::new();
    let daemon = setup(&paths, &[]).json().start_in(&paths.host.namespace);
    let client = paths.client();
    let pid = client.id();
    let opened = until("both subflows", || {
        let events = daemon.setup().events(&daemon.setup().lines());
        let is_meant = |event: &&egret_tests::Event| {
            event.name == "connection.open"
                && event.own_namespace
                && event.transport.as_deref() == Some("tcp")
                && event.peer() == Some("10.9.7.2:7000".parse().unwrap())
        };
        let opened: Vec<_> = events.iter().filter(is_meant).map(|event| event.pid).collect();
        (opened.len() == 2).then_some(opened)
    });
    assert_eq!(opened, [Some(pid); 2]);
    paths.end(client);
    let setup = daemon.stop().setup;
    let baseline = std::fs::read_to_string(setup.path("baseline")).unwrap();
    assert!(!baseline.contains("kernel ->"), "{baseline}");
}
