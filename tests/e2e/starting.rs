//! Starts during traffic: flows in progress are reported as they are, or not at all.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use egret_tests::{Event, Namespace, Trace};
use libtest_mimic::Trial;

use crate::test;

/// Consecutive starts.
const STARTS: usize = 20;
/// Interval between the connections or exchanges of each kind.
const PACE: Duration = Duration::from_millis(2);
/// Sockets opened and closed after each start.
const AFTER: usize = 200;

pub(crate) fn trials() -> Vec<Trial> {
    vec![test("starting::start_during_traffic_invents_nothing", invents_nothing)]
}

/// Servers in a separate namespace: no other traffic has their addresses.
struct Servers {
    address: IpAddr,
    streams: SocketAddr,
    datagrams: SocketAddr,
}

impl Servers {
    /// Starts them in threads of the namespace. They run until the test program ends.
    fn start(namespace: &Namespace) -> Self {
        let [_, a, b, c] = std::process::id().to_be_bytes();
        let address = IpAddr::from([127, 64 | a, b, c | 1]);
        let (listener, socket) = namespace.within(|| {
            let any = SocketAddr::new(address, 0);
            (TcpListener::bind(any).unwrap(), UdpSocket::bind(any).unwrap())
        });
        let (streams, datagrams) = (listener.local_addr().unwrap(), socket.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut buffer = [0; 5];
                // Until the client closes.
                while stream.read_exact(&mut buffer).and_then(|()| stream.write_all(&buffer)).is_ok() {}
            }
        });
        thread::spawn(move || {
            let mut buffer = [0; 5];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                socket.send_to(&buffer[..length], peer).unwrap();
            }
        });
        Self { address, streams, datagrams }
    }

    /// Whether an event is of the servers' side; `None` if it is of neither side.
    fn is_server(&self, event: &Event) -> Option<bool> {
        // A client may have the port number of the other server.
        let server = if event.transport.as_deref() == Some("tcp") { self.streams } else { self.datagrams };
        let is = |end: Option<SocketAddr>| end == Some(server);
        let is_server = event.local_address == Some(self.address) && is(event.local());
        let is_client = is(event.peer());
        (is_server != is_client).then_some(is_server)
    }
}

/// One client of each kind, until they are asked to end. Every exchange succeeds.
fn make_traffic(namespace: &Namespace, servers: &Servers, is_over: &AtomicBool) {
    let until_over = |exchange: &dyn Fn()| {
        while !is_over.load(Ordering::Relaxed) {
            exchange();
            thread::sleep(PACE);
        }
    };
    let streams = || {
        let mut stream = TcpStream::connect(servers.streams).unwrap();
        stream.write_all(b"12345").unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
    };
    let datagrams = || {
        let socket = UdpSocket::bind((servers.address, 0)).unwrap();
        socket.send_to(b"12345", servers.datagrams).unwrap();
        socket.recv_from(&mut [0; 5]).unwrap();
    };
    let connected = || {
        let socket = UdpSocket::bind((servers.address, 0)).unwrap();
        socket.connect(servers.datagrams).unwrap();
        socket.send(b"12345").unwrap();
        socket.recv(&mut [0; 5]).unwrap();
    };
    thread::scope(|scope| {
        for exchange in [&streams as &(dyn Fn() + Sync), &datagrams, &connected] {
            scope.spawn(move || namespace.within(|| until_over(&exchange)));
        }
    });
}

fn invents_nothing() {
    let namespace = Namespace::resolving("");
    let servers = Servers::start(&namespace);
    for start in 0..STARTS {
        let is_over = AtomicBool::new(false);
        let seen = thread::scope(|scope| {
            let traffic = scope.spawn(|| make_traffic(&namespace, &servers, &is_over));
            let trace = Trace::start(&[]);
            let is_new_end = |event: &&Event| event.name == "connection.close" && !event.preexisting;
            let ends = |events: &[Event]| {
                events.iter().filter(|event| servers.is_server(event).is_some()).filter(is_new_end).count()
            };
            let has_begun = trace.wait_for(|events| ends(events) >= AFTER);
            is_over.store(true, Ordering::Relaxed);
            traffic.join().unwrap();
            assert!(has_begun, "traffic is not reported");
            assert!(trace.wait_for(|events| unclosed(&servers, events).is_empty()), "start {start}: {:#?}", {
                trace.sees(|events| unclosed(&servers, events).into_iter().cloned().collect::<Vec<_>>())
            });
            trace.stop()
        });
        if seen.sum.lost > 0 {
            println!("start {start} lost records, which proves nothing: {:?}", seen.sum);
            continue;
        }
        check(&servers, &seen.events, start);
    }
}

/// First events of connections without a last one. The server's datagram socket stays open.
fn unclosed<'a>(servers: &Servers, events: &'a [Event]) -> Vec<&'a Event> {
    let mut open = HashMap::new();
    for event in events.iter().filter(|event| servers.is_server(event).is_some() && event.name != "listen") {
        if event.name == "connection.close" {
            open.remove(&event.connection);
        } else if event.local() != Some(servers.datagrams) {
            open.entry(&event.connection).or_insert(event);
        }
    }
    open.into_values().collect()
}

fn check(servers: &Servers, events: &[Event], start: usize) {
    let mut connections: HashMap<&str, Vec<&Event>> = HashMap::new();
    for event in events.iter().filter(|event| event.local_address == Some(servers.address)) {
        let is_server = servers.is_server(event);
        assert!(is_server.is_some(), "start {start}: an end is unknown: {event:#?}");
        let is_server = is_server.unwrap();
        let is_known = match (&*event.name, is_server) {
            ("accept" | "listen", server) => server,
            ("connection.open" | "datagram.send", server) => !server,
            ("connection.close", _) => true,
            _ => false,
        };
        assert!(is_known && event.error.is_none(), "start {start}: invented: {event:#?}");
        let has_direction = event.name == "listen" || event.transport.as_deref() != Some("tcp");
        assert!(has_direction || event.inbound == is_server, "start {start}: turned round: {event:#?}");
        assert!(!event.inbound || is_server, "start {start}: turned round: {event:#?}");
        assert_eq!(event.pid, Some(std::process::id()), "start {start}: {event:#?}");
        connections.entry(&event.connection).or_default().push(event);
    }
    for events in connections.into_values().filter(|events| events[0].name != "listen") {
        let count =
            |names: &[&str]| events.iter().filter(|event| names.contains(&&*event.name) && !event.outstanding).count();
        let first = events[0];
        let is_open = first.local() == Some(servers.datagrams);
        assert!(count(&["connection.close"]) == usize::from(!is_open), "start {start}: {events:#?}");
        // A preexisting datagram socket is listed and sends later. A connect is answered after it was listed.
        let begun = count(&["connection.open", "accept"]);
        assert!(begun <= 1 && count(&["datagram.send"]) <= 1, "start {start}: {events:#?}");
        // The direction of a preexisting datagram socket is unknown: only its end is reported.
        let is_undirected = first.preexisting && first.transport.as_deref() == Some("udp");
        let has_begun = first.name != "connection.close" || is_undirected;
        assert!(has_begun, "start {start}: an end without a beginning: {events:#?}");
    }
}
