//! Complete identification before any event was drained: the exec and the DNS answer came just before the packet.

use std::net::SocketAddr;
use std::process::Stdio;

use egret_model::{Attribution, Flow, Identity, NameSource, Owner, Transport};
use egret_tests::{Process, needing, until};
use libtest_mimic::Trial;

use crate::judge::{Judge, judged};

const DNS: &str = "127.0.0.2:53";
const ADDRESS: &str = "127.7.0.1";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        judged("identity::short_lived_process_is_identified", moment),
        judged("identity::process_found_by_a_search_is_identified", searched),
        judged("identity::unknown_image_is_not_invented", nobody),
        needing("dnsmasq", needing("curl", judged("identity::queried_name_is_known_before_the_packet_leaves", name))),
    ]
}

fn paths(identity: &Identity) -> (Option<&str>, Option<&str>) {
    let process = identity.process.as_ref().and_then(|process| process.executable.path.as_deref());
    (process, identity.parent.as_deref())
}

fn own_path() -> String {
    std::env::current_exe().unwrap().to_str().unwrap().to_owned()
}

/// Runs a program that sends one datagram and ends; its port is free again before the look-up.
fn moment(judge: &mut Judge) {
    let mut events = Vec::new();
    judge.capture.drain(&mut events);
    let traffic = egret_tests::traffic();
    let mut command = judge.program();
    command.args(["udp-sendto", "--one-way", "--bytes", "10", "--peer", "127.0.0.1:9"]).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let report = egret_tests::Report::read(&String::from_utf8(output.stdout).unwrap());
    let local: SocketAddr = report.total.local();
    let peer = "127.0.0.1:9".parse().unwrap();
    let flow = Flow {
        transport: Transport::Udp,
        local: SocketAddr::new("127.0.0.1".parse().unwrap(), local.port()),
        peer,
        interface: None,
    };
    let owner = judge.owners.find(&flow).unwrap();
    assert_eq!((owner.process.pid, owner.attribution), (pid, Attribution::Tuple));
    let identity = judge.capture.identify(&owner, flow.peer.ip(), &mut events);
    assert_eq!(paths(&identity), (traffic.to_str(), Some(&*own_path())));
    let process = identity.process.unwrap();
    assert_eq!((process.pid, process.parent_pid, process.uid), (pid, Some(std::process::id()), Some(0)));
    assert_eq!(process.executable.args.get(1).map(|arg| &**arg), Some("udp-sendto"));
    assert!(identity.server.is_none());
    // Events drained on the way are kept.
    assert!(events.iter().any(|event| event.process.as_ref().is_some_and(|process| process.pid == pid)));
}

fn searched(judge: &mut Judge) {
    let mut hand = judge.hand();
    let socket = hand.make("udp 0.0.0.0:4000");
    let flow = crate::judge::flow(Transport::Udp, &socket, "127.0.0.1:9");
    let owner = judge.search(&flow).unwrap();
    let path = egret_tests::traffic();
    let traffic = path.to_str();
    let mut identify = |owner: &Owner| judge.capture.identify(owner, flow.peer.ip(), &mut Vec::new());
    assert_eq!(paths(&identify(&owner)), (traffic, Some(&*own_path())));
    // If the kernel side does not know the process, `/proc` is read; it must be the same process.
    let unknown = |start_ns| {
        let process = egret_model::ProcessId { exec_id: 0, cgroup_id: 0, start_ns, ..owner.process };
        Owner { process, ..owner }
    };
    assert_eq!(paths(&identify(&unknown(owner.process.start_ns))), (traffic, Some(&*own_path())));
    assert_eq!(paths(&identify(&unknown(owner.process.start_ns - 1_000_000_000))), (None, None));
}

fn nobody(judge: &mut Judge) {
    let process = egret_model::ProcessId {
        pid: std::process::id(),
        uid: 0,
        start_ns: 1,
        exec_id: 12345,
        cgroup_id: 1,
        parent_pid: std::process::id(),
    };
    let owner = Owner { process, cookie: 1, attribution: Attribution::Tuple, inbound: false };
    let identity = judge.capture.identify(&owner, "127.0.0.1".parse().unwrap(), &mut Vec::new());
    assert_eq!(paths(&identity), (None, None), "an image that was never seen is not made up");
}

/// curl resolves a name and connects at once; its packet waits, and no record was read yet.
fn name(judge: &mut Judge) {
    let mut server = judge.namespace.command("dnsmasq");
    server.args(["--no-daemon", "--pid-file=", "--conf-file=/dev/null", "--no-hosts", "--no-resolv"]);
    server.args(["--bind-interfaces", "--listen-address=127.0.0.2"]);
    server.arg(format!("--host-record=plain.test,{ADDRESS}"));
    let _server = judge.namespace.serve(&mut server, &[DNS.parse().unwrap()]);
    let mut curl = judge.namespace.command("curl");
    let curl = Process::start(curl.args(["-s", "http://plain.test:9/"]).stdout(Stdio::null()));
    let local = until("a connect that waits", || waiting(curl.pid()));
    let peer = SocketAddr::new(ADDRESS.parse().unwrap(), 9);
    let flow = Flow { transport: Transport::Tcp, local, peer, interface: None };
    let owner = judge.owners.find(&flow).unwrap();
    assert_eq!((owner.process.pid, owner.attribution), (curl.pid(), Attribution::Tuple));
    let identity = judge.capture.identify(&owner, peer.ip(), &mut Vec::new());
    let server = identity.server.as_ref().unwrap();
    assert_eq!((&*server.name, server.source), ("plain.test", NameSource::Dns));
    assert!(paths(&identity).0.is_some_and(|path| path.ends_with("/curl")), "{identity:?}");
}

/// The local address of the only connect in progress (`TCP_SYN_SENT`) in the namespace of a process.
fn waiting(pid: u32) -> Option<SocketAddr> {
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let local = lines.filter(|line| line.get(3) == Some(&"02")).find_map(|line| Some((*line.get(1)?).to_owned()))?;
    let (address, port) = local.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(SocketAddr::new(std::net::Ipv4Addr::from(address.to_ne_bytes()).into(), port))
}
