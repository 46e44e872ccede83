//! Properties.

use std::collections::HashSet;

use hickory_proto::op::Message;
use proptest::prelude::*;

use super::packets::*;
use crate::{Carrier, Names, Segment};

const ADDRESSES: usize = 8;

/// A step of a scenario with few sockets, names and addresses.
#[derive(Clone, Debug)]
enum Step {
    Ask { socket: u8, id: u16, name: u8 },
    Answer { socket: u8, id: u16, name: u8, aliases: u8, addresses: Vec<u8>, tcp: bool },
    Hello { socket: u8, name: u8 },
    Find { socket: u8, address: u8 },
    Forget { socket: u8 },
    Noise { socket: u8, way: u8, bytes: Vec<u8>, sequence: Option<u32> },
}

fn step() -> impl Strategy<Value = Step> {
    let (socket, name, id) = (0..6u8, 0..6u8, 0..3u16);
    let addresses = proptest::collection::vec(0..30u8, 0..5);
    let bytes = proptest::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        (socket.clone(), id.clone(), name.clone()).prop_map(|(socket, id, name)| Step::Ask { socket, id, name }),
        (socket.clone(), id, name.clone(), 0..4u8, addresses, any::<bool>()).prop_map(
            |(socket, id, name, aliases, addresses, tcp)| Step::Answer { socket, id, name, aliases, addresses, tcp }
        ),
        (socket.clone(), name).prop_map(|(socket, name)| Step::Hello { socket, name }),
        (socket.clone(), 0..30u8).prop_map(|(socket, address)| Step::Find { socket, address }),
        socket.clone().prop_map(|socket| Step::Forget { socket }),
        (socket, 0..3u8, bytes, any::<Option<u32>>()).prop_map(|(socket, way, bytes, sequence)| Step::Noise {
            socket,
            way,
            bytes,
            sequence
        }),
    ]
}

fn host(name: u8) -> String {
    format!("host-{name}.example")
}

fn at_address(last: u8) -> String {
    format!("203.0.113.{last}")
}

fn answer(id: u16, asked: u8, aliases: u8, addresses: &[u8]) -> Message {
    let link = |n: u8| if n == 0 { host(asked) } else { format!("alias-{n}.example.net") };
    let chain = (0..aliases).map(|n| alias(&link(n), 60, &link(n + 1)));
    let last = addresses.iter().map(|last| address(&link(aliases), 60, &at_address(*last)));
    answers(id, &host(asked), chain.chain(last).collect::<Vec<_>>())
}

fn pass(names: &mut Names, way: u8, segment: &Segment<'_>) {
    match way {
        0 => names.question(segment),
        1 => names.answer(segment),
        _ => names.hello(segment),
    }
}

/// Performs a step and returns the name that was found.
fn take(names: &mut Names, time: f64, step: &Step) -> Option<String> {
    let socket = |socket: &u8| Socket::new(u64::from(*socket), u32::from(*socket) / 2);
    match step {
        Step::Ask { socket: from, id, name } => socket(from).asks(names, time, &asks(*id, &host(*name))),
        Step::Answer { socket: to, id, name, aliases, addresses, tcp } => {
            let message = answer(*id, *name, *aliases, addresses);
            match tcp {
                false => socket(to).hears(names, time, &message),
                // A stream of its own: what noise there is in the socket's own may swallow it.
                true => names.answer(&Socket::new(100, 0).tcp(time, 0, &framed(&message))),
            }
            names.remove(100);
        }
        Step::Hello { socket: from, name } => {
            names.hello(&socket(from).to("203.0.113.1:443").tcp(time, 0, &client_hello(&sni(&host(*name)), 16_384)));
        }
        Step::Find { socket: of, address } => {
            let peer = ip(&at_address(*address));
            return names.find(by(u64::from(*of), Some(0)), peer, at(time)).map(|server| server.name.to_string());
        }
        Step::Forget { socket: of } => names.remove(u64::from(*of)),
        Step::Noise { socket: of, way, bytes, sequence } => {
            let carrier = sequence.map_or(Carrier::Udp, |sequence| Carrier::Tcp { sequence });
            pass(names, *way, &Segment { carrier, ..socket(of).udp(time, bytes) });
        }
    }
    None
}

/// Changes a few bytes.
fn mutated(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: prop::sample::Index) -> Vec<u8> {
    for (at, byte) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    bytes.truncate(cut.index(bytes.len() + 1));
    bytes
}

proptest! {
    #[test]
    fn found_names_were_queried_and_the_table_is_limited(
        steps in proptest::collection::vec(step(), 0..80)
    ) {
        let mut names = Names::new(settings(ADDRESSES));
        let mut known = HashSet::new();
        for (n, step) in steps.iter().enumerate() {
            if let Step::Answer { name, .. } | Step::Hello { name, .. } = step {
                known.insert(host(*name));
            }
            if let Some(found) = take(&mut names, n as f64, step) {
                prop_assert!(known.contains(&found), "{found} was never queried");
            }
            prop_assert!(names.state().addresses <= ADDRESSES);
        }
    }

    #[test]
    fn random_bytes_add_no_names(
        noise in proptest::collection::vec(
            (0..3u8, any::<Option<u32>>(), proptest::collection::vec(any::<u8>(), 0..200), 0..300usize), 0..20
        )
    ) {
        let mut names = names();
        for (n, (way, sequence, bytes, length)) in noise.iter().enumerate() {
            let carrier = sequence.map_or(Carrier::Udp, |sequence| Carrier::Tcp { sequence });
            let segment = Segment { carrier, length: *length, ..Socket::new(1, 10).udp(n as f64, bytes) };
            pass(&mut names, *way, &segment);
        }
        let state = names.state();
        prop_assert_eq!((state.addresses, state.answers, state.server_names), (0, 0, 0));
    }

    #[test]
    fn mutated_answer_gives_only_the_queried_name(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        as_cut in any::<bool>(),
    ) {
        let whole = answer(1, 2, 2, &[7, 8, 9]).to_vec().unwrap();
        let bytes = mutated(whole.clone(), &changes, cut);
        let mut names = names();
        let asked = Socket::new(1, 10);
        asked.asks(&mut names, 0.0, &asks(1, &host(2)));
        let length = if as_cut { whole.len() } else { bytes.len() };
        names.answer(&Segment { length, ..asked.udp(0.1, &bytes) });
        for last in 0..=u8::MAX {
            if let Some(server) = names.find(by(100 + u64::from(last), None), ip(&at_address(last)), at(0.2)) {
                prop_assert_eq!(&*server.name, &*host(2));
            }
        }
    }

    #[test]
    fn mutated_client_hello_gives_a_valid_name_or_none(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = mutated(client_hello(&[extension(16, b"\0\x03\x02h2"), sni(&host(3))].concat(), 60), &changes, cut);
        let mut names = names();
        let client = Socket::new(1, 10).to("203.0.113.1:443");
        names.hello(&client.tcp(0.0, 0, &bytes));
        if let Some(server) = names.find(by(1, Some(10)), client.remote.ip(), at(0.1)) {
            prop_assert!(server.name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
            prop_assert!(!server.name.is_empty() && server.name.len() <= 253);
        }
    }

    #[test]
    fn segments_of_a_client_hello_arrive_in_any_order(
        order in Just((1..20usize).collect::<Vec<_>>()).prop_shuffle(),
        again in proptest::collection::vec(1..20usize, 0..10),
    ) {
        let bytes = client_hello(&[extension(51, &[5; 1800]), sni(&host(3))].concat(), 16_384);
        let size = bytes.len().div_ceil(20);
        let mut names = names();
        let client = Socket::new(1, 10).to("203.0.113.1:443");
        for n in [0].into_iter().chain(again).chain(order) {
            let part = &bytes[n * size..bytes.len().min((n + 1) * size)];
            names.hello(&client.tcp(0.0, u32::try_from(n * size).unwrap().wrapping_sub(900), part));
        }
        let server = names.find(by(1, Some(10)), client.remote.ip(), at(0.1));
        prop_assert_eq!(server.map(|server| server.name.to_string()), Some(host(3)));
    }
}
