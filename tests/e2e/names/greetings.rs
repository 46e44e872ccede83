//! Names from TLS: client hellos in any segmentation.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use egret_tests::{Event, Namespace, Process, Seen, Trace, needing, test};
use libtest_mimic::Trial;

use super::{names, until_closed};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        needing("openssl", test("names::client_hello_of_openssl_names_the_peer", openssl)),
        test("names::segmented_client_hello_names_the_peer", pieces),
        test("names::long_client_hello_names_the_peer", long),
        test("names::other_payloads_name_no_peer", others),
    ]
}

/// On any port.
fn openssl() {
    let namespace = Namespace::resolving("");
    let scratch = egret_tests::Scratch::new();
    let [key, certificate] = ["key.pem", "certificate.pem"].map(|name| scratch.path(name).display().to_string());
    let mut request = namespace.command("openssl");
    request.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]);
    assert!(request.args(["-keyout", &key, "-out", &certificate]).output().unwrap().status.success());
    let addresses = ["127.6.0.1:4", "[::1]:9443"].map(|address| address.parse::<SocketAddr>().unwrap());
    let _servers = addresses.map(|address| {
        let mut server = namespace.command("openssl");
        server.args(["s_server", "-quiet", "-key", &key, "-cert", &certificate, "-accept", &address.to_string()]);
        namespace.serve(&mut server, &[address])
    });
    let trace = Trace::start(&["--no-standing"]);
    let clients = addresses.map(|address| {
        let mut client = namespace.command("openssl");
        client.args(["s_client", "-connect", &address.to_string(), "-servername", "Greeted.Example"]);
        let mut client = Process::start(client.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()));
        assert!(client.wait().success());
        until_closed(&trace, client.pid(), address);
        client.pid()
    });
    let seen = trace.stop();
    for (pid, address) in clients.into_iter().zip(addresses) {
        // The client hello comes after the connection was opened.
        assert_eq!(names(&seen, pid, address), [None, Some(("greeted.example", "sni"))]);
    }
}

/// A client hello (RFC 8446, 4.1.2) with a server name and `padding` bytes of padding.
fn hello(name: &str, padding: usize) -> Vec<u8> {
    let name = [&[0][..], &prefixed(name.as_bytes())].concat();
    let extensions = [&[0, 0][..], &prefixed(&prefixed(&name)), &[0, 21], &prefixed(&vec![0; padding])].concat();
    let body = [&[3, 3][..], &[7; 32], &[0], &prefixed(&[0x13, 0x01]), &[1, 0], &prefixed(&extensions)].concat();
    [&[22, 3, 1][..], &prefixed(&[&[1, 0][..], &prefixed(&body)].concat())].concat()
}

/// Bytes with a 16-bit length prefix.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes()[..], bytes].concat()
}

/// Sends each piece in a segment of its own; returns the local and peer addresses.
fn send(namespace: &Namespace, pieces: &[&[u8]]) -> [SocketAddr; 2] {
    namespace.within(|| {
        let listener = TcpListener::bind("127.6.0.2:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nodelay(true).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        for piece in pieces {
            client.write_all(piece).unwrap();
            let mut came = vec![0; piece.len()];
            server.read_exact(&mut came).unwrap();
            assert!(came == *piece, "other bytes came than were sent");
        }
        [client.local_addr().unwrap(), client.peer_addr().unwrap()]
    })
}

/// The name at the end of a connection.
fn name_between([local, peer]: [SocketAddr; 2], seen: &Seen) -> Option<(&str, &str)> {
    let closes =
        |event: &&Event| event.name == "connection.close" && event.local() == Some(local) && event.peer() == Some(peer);
    let [event] = seen.events.iter().filter(closes).collect::<Vec<_>>()[..] else { panic!("no single end at {local}") };
    event.server.as_deref().zip(event.name_source.as_deref())
}

/// Sends client hellos and other payloads in pieces; returns their names and sources.
fn names_of(greetings: &[Vec<&[u8]>]) -> Vec<Option<(String, String)>> {
    let namespace = Namespace::resolving("");
    let trace = Trace::start(&["--no-standing"]);
    let ends: Vec<_> = greetings.iter().map(|pieces| send(&namespace, pieces)).collect();
    for [_, peer] in &ends {
        until_closed(&trace, std::process::id(), *peer);
    }
    let seen = trace.stop();
    assert_eq!(seen.sum.lost, 0, "{}", seen.stderr);
    let owned = |(name, source): (&str, &str)| (name.to_owned(), source.to_owned());
    ends.into_iter().map(|ends| name_between(ends, &seen).map(owned)).collect()
}

fn greeted_as(name: &str) -> Option<(String, String)> {
    Some((name.to_owned(), "sni".to_owned()))
}

fn pieces() {
    let hello = hello("pieces.example", 300);
    let cuts: [&[usize]; 6] = [&[], &[1], &[3], &[5], &[40], &[1, 5, 100]];
    let greetings: Vec<_> = cuts.iter().map(|cuts| cut(&hello, cuts)).collect();
    assert_eq!(names_of(&greetings), vec![greeted_as("pieces.example"); cuts.len()]);
}

fn cut<'a>(bytes: &'a [u8], at: &[usize]) -> Vec<&'a [u8]> {
    let ends = at.iter().copied().chain([bytes.len()]);
    let begins = [0].into_iter().chain(at.iter().copied());
    begins.zip(ends).map(|(begin, end)| &bytes[begin..end]).collect()
}

/// As long as with post-quantum key shares; the name precedes them, as usual.
fn long() {
    let hello = hello("long.example", 7000);
    let greetings = [cut(&hello, &[]), cut(&hello, &[1400, 2800, 4200])];
    assert_eq!(names_of(&greetings), vec![greeted_as("long.example"); greetings.len()]);
}

/// Payloads that resemble a client hello, or precede one.
fn others() {
    let hello = hello("late.example", 0);
    let mut server_hello = hello.clone();
    server_hello[5] = 2;
    let broken: Vec<u8> = hello.iter().enumerate().map(|(at, byte)| if at > 11 { !byte } else { *byte }).collect();
    let text = b"EHLO example.org\r\n";
    let greetings = [
        vec![&text[..], &hello],
        vec![&server_hello[..]],
        vec![&broken[..]],
        vec![&hello[..4]],
        vec![&[0][..], &hello],
        vec![&[22; 600][..]],
    ];
    assert_eq!(names_of(&greetings), vec![None; greetings.len()]);
}
