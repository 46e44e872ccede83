use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use egret_model::{Attribution, EventName, Layer, Transport};

use super::*;
use crate::diag::{in_namespace, namespaces};
use crate::host::test_support::{Child, NetworkNamespace, inode_of, skip_unless_root, wait_until};

const SECOND: i64 = 1_000_000_000;

fn scanner() -> Scanner {
    let mut scanner = Scanner::new(Duration::from_secs(1));
    scanner.scan(Timestamp(SECOND));
    scanner
}

fn events_of(events: &[Event], inode: u64) -> Vec<&Event> {
    events.iter().filter(|event| event.id.socket == inode).collect()
}

/// Events of one port on this host's side.
fn of_port(events: &[Event], port: u16) -> Vec<&Event> {
    events.iter().filter(|event| event.local.port == Some(port)).collect()
}

fn own_pid(event: &Event) -> bool {
    event.process.as_ref().is_some_and(|process| process.pid == std::process::id())
}

#[test]
fn preexisting_sockets_are_listed_by_the_first_scan_only() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut scanner = Scanner::new(Duration::from_secs(1));
    let first = scanner.scan(Timestamp(SECOND));
    let [listening] = events_of(&first, inode_of(&listener))[..] else { panic!("not one event") };
    assert_eq!((listening.name, listening.preexisting, listening.layer), (EventName::Listen, true, Layer::Procfs));
    assert_eq!(listening.attribution, Attribution::Procfs);
    assert!(own_pid(listening));
    let second = scanner.scan(Timestamp(2 * SECOND));
    assert!(events_of(&second, inode_of(&listener)).is_empty());
}

#[test]
fn both_sides_of_a_connection_open_and_close() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let mut scanner = scanner();
        let listener = TcpListener::bind(address).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let (client_inode, server_inode) = (inode_of(&client), inode_of(&server));
        let events = scanner.scan(Timestamp(2 * SECOND));
        let [opened] = events_of(&events, client_inode)[..] else { panic!("not one event of the client") };
        assert_eq!((opened.name, opened.preexisting), (EventName::ConnectionOpen, false));
        assert_eq!(opened.peer.port, Some(listener.local_addr().unwrap().port()));
        assert!(own_pid(opened));
        let [accepted] = events_of(&events, server_inode)[..] else { panic!("not one event of the server") };
        assert_eq!(accepted.name, EventName::Accept);
        drop((client, server));
        let events = scanner.scan(Timestamp(5 * SECOND));
        for inode in [client_inode, server_inode] {
            let [closed] = events_of(&events, inode)[..] else { panic!("not one event of a closed socket") };
            assert_eq!(closed.name, EventName::ConnectionClose);
            assert_eq!(closed.connection_duration_ns, Some(3_000_000_000));
            assert!(own_pid(closed), "the process is remembered");
        }
        let events = scanner.scan(Timestamp(6 * SECOND));
        assert!(events_of(&events, client_inode).is_empty() && events_of(&events, server_inode).is_empty());
    }
}

#[test]
fn connection_is_accepted_although_its_listener_was_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut scanner = scanner();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    drop(listener);
    let events = scanner.scan(Timestamp(2 * SECOND));
    assert_eq!(events_of(&events, inode_of(&server))[0].name, EventName::Accept);
}

#[test]
fn connection_is_reported_when_it_is_accepted() {
    let mut scanner = scanner();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let names = |events: Vec<Event>| of_port(&events, port).iter().map(|event| event.name).collect::<Vec<_>>();
    assert_eq!(names(scanner.scan(Timestamp(2 * SECOND))), [EventName::Listen]);
    let _server = listener.accept().unwrap();
    assert_eq!(names(scanner.scan(Timestamp(3 * SECOND))), [EventName::Accept]);
}

#[test]
fn connection_in_time_wait_is_reported_without_a_process() {
    let mut scanner = scanner();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let port = client.local_addr().unwrap().port();
    let (mut server, _) = listener.accept().unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
    drop(server);
    let events = scanner.scan(Timestamp(2 * SECOND));
    let found: Vec<EventName> = of_port(&events, port).iter().map(|event| event.name).collect();
    assert_eq!(found, [EventName::ConnectionOpen, EventName::ConnectionClose]);
    for event in of_port(&events, port) {
        assert_eq!((event.attribution, event.process.is_none()), (Attribution::Unknown, true));
        assert_eq!(event.connection_duration_ns, None);
    }
    assert!(of_port(&scanner.scan(Timestamp(3 * SECOND)), port).is_empty(), "reported once");
}

#[test]
fn connected_udp_socket_is_reported_with_its_peer() {
    let mut scanner = scanner();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    let events = scanner.scan(Timestamp(2 * SECOND));
    let opened = events_of(&events, inode_of(&client))[0];
    assert_eq!((opened.name, opened.transport), (EventName::ConnectionOpen, Some(Transport::Udp)));
    assert_eq!(opened.peer.port, Some(server.local_addr().unwrap().port()));
    assert_eq!(events_of(&events, inode_of(&server))[0].peer, egret_model::Endpoint::default());
    let inode = inode_of(&client);
    drop(client);
    let events = scanner.scan(Timestamp(3 * SECOND));
    assert_eq!(events_of(&events, inode)[0].name, EventName::ConnectionClose);
}

#[test]
fn raw_socket_in_another_namespace_is_reported() {
    if skip_unless_root("raw sockets in another namespace") {
        return;
    }
    let other = NetworkNamespace::new();
    let mut scanner = scanner();
    let script = "import socket, time
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 89)
raw.connect(('127.0.0.1', 0))
print('ready', flush=True)
time.sleep(1000)";
    let pid = other.pid().to_string();
    let mut command = Command::new("nsenter");
    command.args(["-t", &pid, "-n", "python3", "-c", script]).stdout(Stdio::piped());
    let mut child = Child::run(&mut command);
    child.inner().stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    let events = scanner.scan(Timestamp(2 * SECOND));
    let raw: Vec<&Event> = events.iter().filter(|event| event.transport == Some(Transport::Raw(89))).collect();
    let [opened] = raw[..] else { panic!("{raw:?}") };
    assert_eq!(opened.peer.to_text(), "127.0.0.1");
    assert_eq!((opened.name, opened.local.port), (EventName::ConnectionOpen, None));
    let process = opened.process.as_ref().unwrap();
    assert_eq!(process.executable.args.iter().rev().nth(1).map(|arg| &**arg), Some("-c"));
}

#[test]
fn sockets_of_a_mounted_namespace_are_reported() {
    if skip_unless_root("sockets of a mounted namespace") {
        return;
    }
    let name = format!("egret-scan-{}", std::process::id());
    let ip = |arguments: &[&str]| Command::new("ip").args(arguments).status().unwrap().success();
    assert!(ip(&["netns", "add", &name]) && ip(&["-n", &name, "link", "set", "lo", "up"]));
    let path = format!("/run/netns/{name}");
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    let found = namespaces().unwrap().into_iter().find(|found| u64::from(found.inode) == inode).unwrap();
    let mut scanner = scanner();
    let listener = in_namespace(&found, || TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let events = scanner.scan(Timestamp(2 * SECOND));
    assert!(ip(&["netns", "del", &name]));
    let [listening] = events_of(&events, inode_of(&listener))[..] else { panic!("not one event") };
    assert!(own_pid(listening));
}

#[test]
fn unread_table_closes_no_flows() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut scanner = scanner();
    let netns = namespaces().unwrap()[0].inode;
    let unread = Snapshot { unread: HashSet::from([netns]), failures: 1, ..Snapshot::default() };
    let events = scanner.apply(&unread, Timestamp(2 * SECOND));
    assert!(events_of(&events, inode_of(&listener)).is_empty());
    let events = scanner.apply(&Snapshot::default(), Timestamp(3 * SECOND));
    assert_eq!(events_of(&events, inode_of(&listener))[0].name, EventName::ConnectionClose);
}

#[test]
fn flows_beyond_the_limit_are_counted() {
    let mut scanner = Scanner::new(Duration::from_secs(1));
    let socket = |number: u32| diag::DiagSocket {
        transport: Transport::Udp,
        state: 7,
        local: egret_model::Endpoint {
            address: Some(std::net::Ipv4Addr::from(number).into()),
            port: Some(9),
            interface: None,
        },
        peer: egret_model::Endpoint::default(),
        interface: 0,
        cookie: None,
        inode: 0,
        uid: None,
    };
    let limit = u32::try_from(MAX_FLOWS).unwrap();
    let sockets = (1..=limit + 5).map(|number| seen::classify(1, &socket(number))).collect();
    let snapshot = Snapshot { sockets, ..Snapshot::default() };
    assert_eq!(scanner.apply(&snapshot, Timestamp(SECOND)).len(), MAX_FLOWS);
    assert_eq!(scanner.losses(), [Loss { stage: LossStage::Scan, reason: LossReason::QueueFull, count: 5 }]);
}

#[test]
fn end_of_a_process_closes_its_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut scanner = scanner();
    let script =
        "import socket, sys, time; c = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); time.sleep(1000)";
    let child = Child::run(Command::new("python3").args(["-c", script, &port.to_string()]));
    let server = listener.accept().unwrap().0;
    let client = server.peer_addr().unwrap().port();
    let opened = scanner.scan(Timestamp(2 * SECOND));
    let [opened] = of_port(&opened, client)[..] else { panic!("not one event") };
    let pid = opened.process.as_ref().unwrap().pid;
    assert_eq!(pid, child.pid());
    drop(child);
    wait_until("the close", || {
        let events = scanner.scan(Timestamp(3 * SECOND));
        let closed = of_port(&events, client);
        closed.iter().any(|event| event.name == EventName::ConnectionClose && event.id == opened.id)
    });
}
