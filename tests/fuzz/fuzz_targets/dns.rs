//! DNS messages: never panics, and every name of an address is in the message.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use egret_model::Timestamp;
use egret_names::{Carrier, Client, Names, Segment, Settings};
use libfuzzer_sys::fuzz_target;

const ADDRESSES: usize = 16;

fuzz_target!(|data: &[u8]| {
    for cut in [0, 40] {
        let mut names = names();
        names.answer(&Segment { length: data.len() + cut, ..segment(Carrier::Udp, data) });
        names.question(&segment(Carrier::Udp, data));
        check(&mut names, data);
    }
    // As a stream, in segments of one of several sizes, in both orders.
    let size = [1, 7, 64, data.len().max(1)][data.len() % 4];
    let mut packets: Vec<_> = data
        .chunks(size)
        .zip((0u32..).step_by(size))
        .map(|(part, at)| segment(Carrier::Tcp { sequence: at.wrapping_sub(100) }, part))
        .collect();
    for _ in 0..2 {
        let mut names = names();
        packets.iter().for_each(|packet| names.answer(packet));
        packets.iter().for_each(|packet| names.question(packet));
        check(&mut names, data);
        names.remove(1);
        packets.reverse();
    }
});

fn names() -> Names {
    Names::new(Settings { addresses: ADDRESSES, ..Settings::default() })
}

fn segment(carrier: Carrier, payload: &[u8]) -> Segment<'_> {
    let remote = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 53), 53));
    Segment {
        time: Timestamp(0),
        cookie: 1,
        process: None,
        user: None,
        namespace: 1,
        carrier,
        remote,
        payload,
        length: payload.len(),
    }
}

fn check(names: &mut Names, data: &[u8]) {
    assert!(names.state().addresses <= ADDRESSES);
    let lower = data.to_ascii_lowercase();
    for octets in data.windows(4).take(256) {
        let octets: [u8; 4] = octets.try_into().unwrap();
        let Some(server) = names.find(client(2), IpAddr::from(octets), Timestamp(0)) else { continue };
        let name = server.name.as_bytes();
        assert!(!name.is_empty() && name.len() <= 253);
        assert!(name.iter().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
        for label in name.split(|byte| *byte == b'.') {
            assert!(lower.windows(label.len()).any(|part| part == label), "a name outside the message");
        }
    }
}

const fn client(cookie: u64) -> Client {
    Client { cookie, process: None, namespace: 1 }
}
