//! Which flows are learned and which are not: exactly those that are evaluated.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use egret_tests::{Daemon, Namespace, PATIENCE, Process, Setup, egret, needing, stdout_of};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::host::{Fate, Host, baseline, switch, until_counted, until_learned, until_mode};
use crate::inbound::neighbour;
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("learning::restart_in_enforce_learns_no_blocked_flow", restarts),
        test("learning::failed_start_in_enforce_learns_nothing", cannot_enforce),
        test("learning::blocked_flows_of_a_log_are_not_learned", from_a_log),
        test("learning::failed_connections_are_tried_until_one_succeeds", tried),
        test("learning::replay_blocks_what_shadow_would_block", replayed),
        test("learning::udp_answers_from_a_second_address_pass", || answers(SECOND)),
        test("learning::udp_answers_to_a_multicast_query_pass", || answers(MULTICAST)),
        needing(
            "conntrack",
            test("learning::udp_answers_pass_after_their_conntrack_entry_expired", || answers(FORGOTTEN)),
        ),
        test("learning::udp_answers_from_another_socket_are_separate_flows", another_port),
    ]
}

/// A program that fetches in a loop.
fn retrying(host: &Host, program: &Path) -> Process {
    let fetch = format!("{} --silent --noproxy '*' --max-time 5 http://{}/", program.display(), host.peer());
    let mut command = host.namespace.command("sh");
    command.args(["-c", &format!("while :; do {fetch} > /dev/null; sleep 0.02; done")]);
    Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
}

fn mentions(setup: &Setup, program: &Path) -> bool {
    fs::read_to_string(setup.path("baseline")).unwrap().contains(program.to_str().unwrap())
}

fn restarts() {
    let host = Host::new();
    let forbidden = host.program("forbidden");
    let mut daemon = host.enforcing(&[]);
    let client = retrying(&host, &forbidden);
    until_counted(&daemon, "block", 3);
    for killed in [false, true, false] {
        let setup = if killed { daemon.kill() } else { daemon.stop().setup };
        daemon = setup.start_in(&host.namespace);
        until_mode(&daemon, "enforce");
        until_counted(&daemon, "block", 3);
    }
    let setup = daemon.stop().setup;
    assert!(!mentions(&setup, &forbidden), "a restart taught what is forbidden");
    // In `learn`, the flow is learned.
    let daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["learn"]);
    until_learned(daemon.setup(), &["allow", forbidden.to_str().unwrap()]);
    drop(client);
    assert!(daemon.stop().status.success());
}

/// The second daemon has a backend that is unavailable, and neither enforces nor rehearses.
fn cannot_enforce() {
    let host = Host::new();
    let forbidden = host.program("forbidden");
    let setup = host.enforcing(&[]).stop().setup;
    let daemon = setup.set("baseline.enabled", "true").text("enforce.backend", "nftables");
    let daemon = daemon.start_in(&host.namespace);
    until_mode(&daemon, "observe");
    assert_eq!(host.fetch(&forbidden), Fate::Passed);
    let setup = daemon.stop().setup;
    assert!(!mentions(&setup, &forbidden));
    let daemon = setup.start_in(&host.namespace);
    until_mode(&daemon, "observe");
    assert_eq!(host.fetch(&forbidden), Fate::Passed);
    let setup = daemon.stop().setup;
    assert!(!mentions(&setup, &forbidden), "nor after another start");
}

fn from_a_log() {
    let host = Host::new();
    let [allowed, blocked, rehearsed] = ["allowed", "blocked", "rehearsed"].map(|name| host.program(name));
    let daemon = host.setup(&[host.rule("allow", &allowed)]).parquet().start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    assert_eq!([host.fetch(&allowed), host.fetch(&blocked)], [Fate::Passed, Fate::Refused]);
    switch(&daemon, &["shadow"]);
    assert_eq!(host.fetch(&rehearsed), Fate::Passed);
    until_counted(&daemon, "would_block", 1);
    let setup = daemon.stop().setup;
    fs::remove_file(setup.path("baseline")).unwrap();
    let log = setup.log();
    for options in [&[][..], &["--allow-failed"]] {
        baseline(&setup, "learn", &[&["--log", log.to_str().unwrap()], options].concat());
        assert!(mentions(&setup, &allowed));
        assert!(!mentions(&setup, &blocked) && !mentions(&setup, &rehearsed));
    }
}

/// A port that has no listener at first.
const LATER: &str = "8099";

fn fetch_later(host: &Host, program: &Path) -> Option<i32> {
    let mut command = host.namespace.command(program.to_str().unwrap());
    command.args(["--silent", "--noproxy", "*", "--max-time", "10", &format!("http://127.0.0.1:{LATER}/")]);
    command.stdin(Stdio::null()).output().unwrap().status.code()
}

fn tried() {
    let host = Host::new();
    let beacon = host.program("beacon");
    let daemon = host.setup(&[]).start_in(&host.namespace);
    assert_eq!(fetch_later(&host, &beacon), Some(7));
    let name = beacon.to_str().unwrap();
    let line = until_learned(daemon.setup(), &["tried", name, LATER]);
    assert!(line.contains("# failed 1 time on 1 day, "), "{line}");
    let readiness: Value = serde_json::from_str(&baseline(daemon.setup(), "readiness", &["--json"])).unwrap();
    // Connects of the test itself failed too, while a server started.
    let overall = &readiness["overall"];
    assert!(overall["tried"].as_u64() >= Some(1) && overall["failed"].as_u64() >= Some(1), "{readiness}");
    switch(&daemon, &["shadow"]);
    let mut command = host.namespace.command("python3");
    let server = command.args(["-m", "http.server", "--bind", "127.0.0.1", LATER]);
    let server = host.namespace.serve(server, &[format!("127.0.0.1:{LATER}").parse().unwrap()]);
    assert_eq!(fetch_later(&host, &beacon), Some(0));
    until_counted(&daemon, "would_block", 1);
    switch(&daemon, &["learn"]);
    assert_eq!(fetch_later(&host, &beacon), Some(0));
    let line = until_learned(daemon.setup(), &["allow", name, LATER]);
    assert!(line.contains("# seen 1 time on 1 day, ") && line.contains(", failed 1 time"), "{line}");
    drop(server);
    assert_eq!(fetch_later(&host, &beacon), Some(7));
    until_learned(daemon.setup(), &["allow", name, LATER, "seen 1 time ", "failed 2 times"]);
    assert!(daemon.stop().status.success());
}

/// Traffic of a host: loopback, its name server, a remote server over every transport, refused connects, and another
/// namespace.
const DAY: &str = "import socket, sys
there, there6, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
def tcp(host, port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(10)
        client.connect_ex((host, port))
def udp(host, port, family=socket.AF_INET, connected=False):
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        if connected:
            client.connect((host, port))
            client.send(b'x')
            try:
                client.send(b'y')
            except OSError:
                pass
        else:
            client.sendto(b'x', (host, port))
for _ in range(2):
    tcp('127.0.0.1', 1)
    tcp('::1', 1, socket.AF_INET6)
    udp('127.0.0.1', 1)
    udp(there, 53)
    tcp(there, 53)
    udp(there, 123)
    tcp(there, port)
    tcp(there, 1)
    tcp(there6, port, socket.AF_INET6)
    udp(there, 5000)
    udp(there, 5001, connected=True)
    udp(there6, 5002, socket.AF_INET6)
    tcp('192.0.2.1', 80)
";

/// The flows that replay would block, and those that shadow reported.
fn groups(host: &Host, setup: &Setup) -> [BTreeSet<String>; 2] {
    // In the namespace, so that `/etc/resolv.conf` is that of the daemon.
    let mut command = host.namespace.command(egret().to_str().unwrap());
    command.args(["baseline", "replay", "--json", "--baseline"]).arg(setup.path("baseline"));
    command.arg("--config").arg(setup.configuration()).arg("--log").arg(setup.log());
    let replay: Value = serde_json::from_str(&stdout_of(&mut command)).unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let of = |parts: [&Value; 3]| parts.map(text).join(" ");
    let blocked = replay["blocked"].as_array().unwrap().iter();
    let replayed = blocked.map(|group| of([&group["transport"], &group["host"], &group["port"]]));
    let mut command = Command::new(egret());
    command.args(["log", "--verdict", "would_block", "--format", "json", "--dir"]).arg(setup.log());
    let events = stdout_of(&mut command);
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let shadow = events
        .map(|event| of(["network.transport", "network.peer.address", "network.peer.port"].map(|key| &event[key])));
    for left_out in ["loopback", "resolver", "ntp", "unsent", "namespace"] {
        assert!(replay["exempt"][left_out].as_u64() > Some(0), "{left_out}: {replay}");
    }
    [replayed.collect(), shadow.collect()]
}

fn replayed() {
    let host = Host::resolving("nameserver 10.9.7.2\n");
    let other = neighbour(&host);
    for (namespace, address) in [(&host.namespace, "fd09:7::1/64"), (&other, "fd09:7::2/64")] {
        stdout_of(namespace.command("ip").args(["address", "add", address, "dev", "cable", "nodad"]));
    }
    let script = host.path("day.py");
    fs::write(&script, DAY).unwrap();
    let mut command = other.command("python3");
    let server = command.args(["-m", "http.server", "--bind", "::", "8080"]);
    let server = other.serve(server, &["[::]:8080".parse().unwrap()]);
    let setup = host.setup(&[]).text("enforce.loopback", "skip").parquet();
    fs::write(setup.path("baseline"), "format 1\n").unwrap();
    let daemon: Daemon = setup.start_in(&host.namespace);
    switch(&daemon, &["shadow"]);
    let day = |namespace: &Namespace| {
        let mut command = namespace.command("python3");
        stdout_of(command.arg(&script).args(["10.9.7.2", "fd09:7::2", "8080"]));
    };
    day(&host.namespace);
    day(&other);
    // Six kinds of flows, each at least once.
    until_counted(&daemon, "would_block", 6);
    let setup = daemon.stop().setup;
    drop(server);
    let [replayed, shadow] = groups(&host, &setup);
    assert_eq!(replayed, shadow);
    assert!(shadow.len() >= 6, "{shadow:?}");
}

/// A UDP server at every address of the host. It answers the given number of datagrams, each after a line on its
/// standard input, from the address or port of the given case. After each answer it sends an unsolicited datagram to
/// a stranger.
const SERVER: &str = "import socket, struct, sys
way, rounds = sys.argv[1], int(sys.argv[2])
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('0.0.0.0', 6000))
group = socket.inet_aton('239.9.7.7') + socket.inet_aton('10.9.7.1')
server.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
print('ready', flush=True)
for _ in range(rounds):
    _, peer = server.recvfrom(100)
    print('asked', flush=True)
    sys.stdin.readline()
    if way == 'second address':
        # IP_PKTINFO (ip(7)).
        second = struct.pack('=I4s4s', 0, socket.inet_aton('10.9.7.3'), bytes(4))
        server.sendmsg([b'answer'], [(socket.IPPROTO_IP, 8, second)], 0, peer)
    elif way == 'another port':
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            try:
                other.sendto(b'answer', peer)
            except OSError:
                pass
    else:
        server.sendto(b'answer', peer)
    try:
        server.sendto(b'unasked', ('10.9.7.2', 6001))
    except OSError:
        pass
    print('done', flush=True)
";

/// How an answer differs from a reply in connection tracking.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    /// Destination of the question.
    question: &'static str,
    /// Source of the answer.
    from: &'static str,
    /// The conntrack table is flushed in between.
    forgets: bool,
}

const SECOND: Way = Way { name: "second address", question: "10.9.7.1:6000", from: "10.9.7.3:6000", forgets: false };
const MULTICAST: Way = Way { name: "multicast", question: "239.9.7.7:6000", from: "10.9.7.1:6000", forgets: false };
const FORGOTTEN: Way = Way { name: "forgotten", question: "10.9.7.1:6000", from: "10.9.7.1:6000", forgets: true };

/// A host with two addresses, its neighbour, and a daemon that enforces an empty baseline.
struct Served {
    host: Host,
    other: Namespace,
    daemon: Daemon,
}

impl Served {
    fn new(rules: &str) -> Self {
        let host = Host::new();
        let other = neighbour(&host);
        stdout_of(host.namespace.command("ip").args(["address", "add", "10.9.7.3/24", "dev", "cable"]));
        stdout_of(other.command("ip").args(["route", "add", "239.0.0.0/8", "dev", "cable"]));
        let setup = host.setup(&[]).text("enforce.loopback", "skip");
        fs::write(setup.path("baseline"), format!("format 1\n{rules}")).unwrap();
        let daemon = setup.start_in(&host.namespace);
        switch(&daemon, &["enforce"]);
        Self { host, other, daemon }
    }

    fn serve(&self, way: &str, rounds: usize) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut command = self.host.namespace.command("python3");
        command.args(["-c", SERVER, way, &rounds.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
        assert_eq!(said.next().unwrap().unwrap(), "ready");
        (server, said)
    }

    /// A socket of the neighbour that sends a question.
    fn client(&self) -> UdpSocket {
        let client = self.other.within(|| UdpSocket::bind("10.9.7.2:0").unwrap());
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// A socket of the neighbour that sends none.
    fn stranger(&self) -> UdpSocket {
        let stranger = self.other.within(|| UdpSocket::bind("10.9.7.2:6001").unwrap());
        stranger.set_nonblocking(true).unwrap();
        stranger
    }
}

/// The second answer is evaluated once the identity of the server is cached.
fn answers(way: Way) {
    let served = Served::new("");
    let clients = [served.client(), served.client()];
    let stranger = served.stranger();
    let (mut server, mut said) = served.serve(way.name, clients.len());
    let mut stdin = server.stdin.take().unwrap();
    let mut heard = [0; 16];
    for (blocked, client) in (1..).zip(&clients) {
        client.send_to(b"question", way.question).unwrap();
        assert_eq!(said.next().unwrap().unwrap(), "asked");
        if way.forgets {
            stdout_of(served.host.namespace.command("conntrack").args(["-F"]));
        }
        stdin.write_all(b"answer\n").unwrap();
        let (length, from) = client.recv_from(&mut heard).unwrap();
        assert_eq!((&heard[..length], from), (&b"answer"[..], way.from.parse().unwrap()));
        assert_eq!(said.next().unwrap().unwrap(), "done");
        until_counted(&served.daemon, "block", blocked);
    }
    assert!(server.wait().unwrap().success());
    assert!(stranger.recv(&mut heard).is_err(), "unsolicited datagrams are evaluated");
    assert!(served.daemon.stop().status.success());
}

/// As TFTP answers (RFC 1350): a datagram from another socket is no reply. It is learned and evaluated as a flow that
/// the host begins.
fn another_port() {
    let served = Served::new("");
    let client = served.client();
    for (mode, is_heard) in [("enforce", false), ("learn", true), ("enforce", true)] {
        switch(&served.daemon, &[mode]);
        let (mut server, mut said) = served.serve("another port", 1);
        client.send_to(b"question", "10.9.7.1:6000").unwrap();
        assert_eq!(said.next().unwrap().unwrap(), "asked");
        server.stdin.take().unwrap().write_all(b"answer\n").unwrap();
        assert_eq!(said.next().unwrap().unwrap(), "done");
        assert!(server.wait().unwrap().success());
        let mut heard = [0; 16];
        client.set_nonblocking(!is_heard).unwrap();
        assert_eq!(client.recv(&mut heard).is_ok(), is_heard, "{mode}");
        if mode == "learn" {
            let port = client.local_addr().unwrap().port().to_string();
            until_learned(served.daemon.setup(), &["allow", "python3", "udp 10.9.7.2", &port]);
        }
    }
    assert!(served.daemon.stop().status.success());
}
