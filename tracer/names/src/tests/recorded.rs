//! Messages that other programs made: dnsmasq 2.90, OpenSSL 3.0, and BoringSSL as Chrome 131 and Firefox 133 use it,
//! recorded on loopback. The fuzz targets start from the same files.

use super::packets::*;

macro_rules! recorded {
    ($file:literal) => {
        include_bytes!(concat!("../../../../tests/fuzz/seeds/", $file)).as_slice()
    };
}

fn name_of(question: &[u8], answer: &[u8], peer: &str) -> Option<String> {
    let mut names = names();
    let resolver = Socket::new(1, 10);
    names.question(&resolver.udp(0.0, question));
    names.answer(&resolver.udp(0.1, answer));
    assert_eq!((names.state().unsolicited, names.state().malformed), (0, 0));
    let server = names.find(by(2, Some(10)), ip(peer), at(0.2))?;
    assert!(server.resolution.is_some());
    Some(server.name.to_string())
}

#[test]
fn answers_of_dnsmasq_are_parsed() {
    let looked_up = [
        (recorded!("dns/a.question"), recorded!("dns/a.answer"), "203.0.113.7", Some("edge.example.org")),
        (recorded!("dns/aaaa.question"), recorded!("dns/aaaa.answer"), "2001:db8::7", Some("edge.example.org")),
        (recorded!("dns/cname.question"), recorded!("dns/cname.answer"), "203.0.113.7", Some("www.example.com")),
        (
            recorded!("dns/cname-aaaa.question"),
            recorded!("dns/cname-aaaa.answer"),
            "2001:db8::7",
            Some("www.example.com"),
        ),
        (recorded!("dns/https.question"), recorded!("dns/https.answer"), "203.0.113.9", Some("svc.example.com")),
        (recorded!("dns/https.question"), recorded!("dns/https.answer"), "2001:db8::9", Some("svc.example.com")),
        (
            recorded!("dns/truncated.question"),
            recorded!("dns/truncated.answer"),
            "198.51.100.8",
            Some("many.example.com"),
        ),
        (
            recorded!("dns/edns-large.question"),
            recorded!("dns/edns-large.answer"),
            "198.51.100.8",
            Some("many.example.com"),
        ),
        (recorded!("dns/nxdomain.question"), recorded!("dns/nxdomain.answer"), "203.0.113.7", None),
    ];
    for (question, answer, peer, name) in looked_up {
        assert_eq!(name_of(question, answer, peer).as_deref(), name);
    }
}

#[test]
fn stream_of_dnsmasq_is_parsed() {
    let mut names = names();
    for (n, part) in recorded!("dns/stream.answers").chunks(100).enumerate() {
        names.answer(&Socket::new(1, 10).tcp(0.0, u32::try_from(n * 100).unwrap(), part));
    }
    assert_eq!((names.state().answers, names.state().addresses, names.state().malformed), (2, 61, 0));
}

#[test]
fn client_hellos_of_openssl_and_boringssl_are_parsed() {
    let greetings = [
        (recorded!("hello/openssl-tls13"), Some("www.example.com")),
        (recorded!("hello/openssl-tls12"), Some("legacy.example.com")),
        (recorded!("hello/openssl-nameless"), None),
        (recorded!("hello/boringssl-chrome"), Some("www.example.com")),
        (recorded!("hello/boringssl-firefox"), Some("www.example.com")),
    ];
    for (bytes, name) in greetings {
        let mut names = names();
        let client = Socket::new(1, 10).to("203.0.113.7:443");
        for (n, part) in bytes.chunks(1220).enumerate() {
            names.hello(&client.tcp(0.0, u32::try_from(n * 1220).unwrap(), part));
        }
        let found = names.find(by(1, Some(10)), client.remote.ip(), at(0.1)).map(|server| server.name.to_string());
        assert_eq!(found.as_deref(), name);
        assert_eq!(names.state().malformed, 0);
    }
}
