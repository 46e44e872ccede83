//! Forged packets to and from port 53, and that no packet is delayed or modified.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use egret_tests::{Event, Namespace, Process, Trace, needing_python, python, test, test_alone};
use libtest_mimic::Trial;
use nix::unistd::{Uid, fchown};

use super::web::{Web, fetch};
use super::{names, until_closed};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("names::malformed_packets_change_nothing", malformed),
        test("names::packets_are_not_modified", everything_passes),
        needing_python(test_alone("names::flood_of_one_user_evicts_no_names_of_others", flood)),
    ]
}

/// Flags of a successful answer to a recursive query.
const ANSWER: u16 = 0x8180;
const QUERY: u16 = 0x0100;

/// A DNS message (RFC 1035, 4) with one question and addresses for names.
fn message(id: u16, flags: u16, question: &str, answers: &[(&str, Ipv4Addr)]) -> Vec<u8> {
    let counts = [1, u16::try_from(answers.len()).unwrap(), 0, 0];
    let header = [id, flags].into_iter().chain(counts).flat_map(u16::to_be_bytes);
    let mut message: Vec<u8> = header.collect();
    message.extend(name(question));
    message.extend([0, 1, 0, 1]);
    for (owner, address) in answers {
        message.extend(name(owner));
        message.extend([0, 1, 0, 1, 0, 0, 1, 0, 0, 4]);
        message.extend(address.octets());
    }
    message
}

fn name(text: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()][..], label.as_bytes()].concat();
    text.split('.').flat_map(label).chain([0]).collect()
}

/// Sends a question and an answer; returns the answer and its source.
fn exchange(client: &UdpSocket, server: &UdpSocket, question: &[u8], answers: &[Vec<u8>]) {
    client.send(question).unwrap();
    let mut buffer = vec![0; 65_536];
    let (_, asking) = server.recv_from(&mut buffer).unwrap();
    for answer in answers {
        server.send_to(answer, asking).unwrap();
        let length = client.recv(&mut buffer).unwrap();
        assert!(buffer[..length] == answer[..], "other bytes came than were sent");
    }
}

/// Sends forged questions and random bytes to port 53 until it is killed.
const FLOOD: &str = r"
import os, socket
os.setuid(4242)
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
header = bytes([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
packets = [header + bytes(1400), header + bytes(200), bytes(5000), bytes([255] * 600)]
print('floods', flush=True)
while True:
    for sender in sockets:
        for packet in packets:
            sender.sendto(packet, ('127.66.0.99', 53))
";

/// An unprivileged program floods port 53 while another one resolves names: no name is missing.
fn flood() {
    const NAMES: u8 = 200;
    let namespace = Namespace::resolving("");
    let trace = Trace::start(&["--no-standing"]);
    let mut command = namespace.command(&python().canonicalize().unwrap().display().to_string());
    let mut flooding = Process::start(command.args(["-c", FLOOD]).stdout(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(flooding.handle().stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "floods\n");
    let peers = namespace.within(|| {
        let server = UdpSocket::bind("127.66.0.53:53").unwrap();
        let client = UdpSocket::bind("127.66.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        // Shares of the ring are by the user of the socket: root's also serves the tests that run at the same time.
        fchown(&client, Some(Uid::from_raw(4343)), None).unwrap();
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (0..NAMES)
            .map(|number| {
                let (name, address) = (format!("host{number}.test"), Ipv4Addr::new(127, 66, 8, number));
                let answer = message(u16::from(number), ANSWER, &name, &[(&name, address)]);
                exchange(&client, &server, &message(u16::from(number), QUERY, &name, &[]), &[answer]);
                let peer = SocketAddr::from((address, port));
                drop(TcpStream::connect(peer).unwrap());
                drop(listener.accept().unwrap());
                // Below the share of a user, which 300 answers in a tenth of a second exceed.
                thread::sleep(Duration::from_millis(3));
                (peer, name)
            })
            .collect::<Vec<_>>()
    });
    until_closed(&trace, std::process::id(), peers.last().unwrap().0);
    drop(flooding);
    let seen = trace.stop();
    let nameless: Vec<_> = peers
        .iter()
        .filter(|(peer, name)| {
            let is = |event: &&Event| event.name == "connection.open" && event.peer() == Some(*peer);
            !seen.events.iter().filter(is).any(|event| event.server.as_deref() == Some(name))
        })
        .collect();
    assert!(nameless.is_empty(), "{nameless:?}\n{}", seen.stderr);
}

fn malformed() {
    const GOOD: Ipv4Addr = Ipv4Addr::new(127, 66, 6, 1);
    const EVIL: Ipv4Addr = Ipv4Addr::new(127, 66, 6, 2);
    let namespace = Namespace::resolving("");
    let web = Web::start(&namespace);
    let trace = Trace::start(&["--no-standing"]);
    let (client, server) = namespace.within(|| {
        let server = UdpSocket::bind("127.66.0.53:53").unwrap();
        let client = UdpSocket::bind("127.66.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        (client, server)
    });
    let good = message(1, ANSWER, "good.test", &[("good.test", GOOD)]);
    let mut forged = vec![
        Vec::new(),
        vec![0; 12],
        vec![0xff; 600],
        vec![0xc0; 9000],
        // A compression pointer to itself.
        [&message(1, ANSWER, "good.test", &[])[..12], &[0xc0, 12, 0, 1, 0, 1]].concat(),
        // An answer without a question, and an answer with unrelated records.
        message(1, ANSWER, "evil.test", &[("evil.test", EVIL)]),
        message(2, ANSWER, "good.test", &[("good.test", EVIL)]),
        message(1, ANSWER, "good.test", &[("evil.test", EVIL)]),
        // A question with answers, and an error.
        message(1, QUERY, "good.test", &[("good.test", EVIL)]),
        message(1, ANSWER | 5, "good.test", &[("good.test", EVIL)]),
    ];
    forged.extend((1..good.len()).map(|length| good[..length].to_vec()));
    exchange(&client, &server, &message(1, QUERY, "good.test", &[]), &forged);
    exchange(&client, &server, &message(1, QUERY, "good.test", &[]), &[good]);
    let [good, evil] = [GOOD, EVIL].map(|address| {
        let pid = fetch(&namespace, &format!("http://{address}:{}/", web.port));
        until_closed(&trace, pid, web.at(&address.to_string()));
        (pid, web.at(&address.to_string()))
    });
    let seen = trace.stop();
    assert_eq!(names(&seen, good.0, good.1), [Some(("good.test", "dns")); 2], "{}", seen.stderr);
    assert_eq!(names(&seen, evil.0, evil.1), [None; 2], "{}", seen.stderr);
}

/// Datagrams of many lengths, and streams with various first bytes, on the captured ports.
fn everything_passes() {
    let namespace = Namespace::resolving("");
    let trace = Trace::start(&["--no-standing"]);
    let streams = namespace.within(|| {
        for host in ["127.67.0.53:53", "[::1]:53"] {
            datagrams(host.parse().unwrap());
        }
        let beginnings: [&[u8]; 5] = [b"", &[22], &[22, 3, 1, 0xff, 0xff, 1], &[22, 3, 3, 0, 4, 1], &[0xff, 0xff]];
        let hosts = ["127.67.0.53:53", "[::1]:53", "127.67.0.53:0", "[::1]:0"];
        let all = hosts.iter().flat_map(|host| beginnings.map(|beginning| (*host, beginning)));
        all.map(|(host, beginning)| stream(host.parse().unwrap(), beginning)).collect::<Vec<_>>()
    });
    for peer in &streams {
        until_closed(&trace, std::process::id(), *peer);
    }
    let seen = trace.stop();
    let is = |event: &Event| event.pid == Some(std::process::id()) && event.server.is_some();
    let named: Vec<_> = seen
        .events
        .iter()
        .filter(|event| is(event) && event.peer().is_some_and(|peer| streams.contains(&peer)))
        .collect();
    assert!(named.is_empty(), "{named:#?}");
}

fn datagrams(address: SocketAddr) {
    let server = UdpSocket::bind(address).unwrap();
    let client = UdpSocket::bind((address.ip(), 0)).unwrap();
    client.connect(address).unwrap();
    let mut buffer = vec![0; 65_536];
    let lengths = (0..300).chain([1000, 1023, 1024, 1025, 4095, 4096, 4097, 9000, 65_000]);
    for length in lengths {
        let sent: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
        client.send(&sent).unwrap();
        let (came, from) = server.recv_from(&mut buffer).unwrap();
        assert!(buffer[..came] == sent[..], "{length} bytes changed on their way");
        server.send_to(&buffer[..came], from).unwrap();
        let back = client.recv(&mut buffer).unwrap();
        assert!(buffer[..back] == sent[..], "{length} bytes changed on their way back");
    }
}

/// Sends four megabytes each way; returns the client's address.
fn stream(address: SocketAddr, beginning: &[u8]) -> SocketAddr {
    let body = (0..=u8::MAX).cycle().take(4 << 20);
    let sent: Vec<u8> = beginning.iter().copied().chain(body).collect();
    let listener = TcpListener::bind(address).unwrap();
    let peer = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(peer).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let came = thread::scope(|scope| {
        scope.spawn(move || std::io::copy(&mut server.try_clone().unwrap(), &mut server).unwrap());
        let mut writer = client.try_clone().unwrap();
        let sent = &sent;
        scope.spawn(move || {
            writer.write_all(sent).unwrap();
            writer.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let mut came = Vec::new();
        client.read_to_end(&mut came).unwrap();
        came
    });
    assert!(came == sent, "the bytes of a stream to {peer} changed on their way");
    peer
}
