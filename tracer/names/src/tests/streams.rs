//! Messages in several packets that are out of order or duplicated.

use super::packets::*;
use crate::{Names, Segment};

fn an_answer(records: u8) -> Vec<u8> {
    let records = (1..=records).map(|last| address("big.example", 60, &format!("203.0.113.{last}")));
    framed(&answers(7, "big.example", records))
}

/// The packets of a stream that begins just before sequence numbers wrap around.
fn packets(socket: Socket, bytes: &[u8], size: usize) -> Vec<Segment<'_>> {
    let begin = u32::MAX - 20;
    let sequence = |at: usize| begin.wrapping_add(u32::try_from(at).unwrap());
    bytes.chunks(size).enumerate().map(|(n, part)| socket.tcp(1.0, sequence(n * size), part)).collect()
}

fn knows(names: &mut Names, last: u8) -> bool {
    names.find(by(u64::from(last) + 100, None), ip(&format!("203.0.113.{last}")), at(2.0)).is_some()
}

#[test]
fn answer_over_tcp_is_reassembled() {
    let bytes = an_answer(40);
    let all = packets(Socket::new(1, 10), &bytes, 100);
    let in_order: Vec<usize> = (0..all.len()).collect();
    let twice: Vec<usize> = in_order.iter().flat_map(|n| [*n, *n]).collect();
    let reversed: Vec<usize> = in_order.iter().rev().copied().collect();
    for order in [in_order, twice, reversed] {
        let mut names = names();
        order.iter().for_each(|n| names.answer(&all[*n]));
        assert!((1..=40).all(|last| knows(&mut names, last)), "{order:?}");
        assert_eq!((names.state().answers, names.state().malformed), (1, 0), "{order:?}");
    }
}

#[test]
fn stream_has_several_messages() {
    let mut names = names();
    let second = framed(&answers(8, "two.example", [address("two.example", 60, "203.0.113.200")]));
    let bytes = [an_answer(3), second].concat();
    packets(Socket::new(1, 10), &bytes, 64).iter().for_each(|packet| names.answer(packet));
    assert!(knows(&mut names, 3) && knows(&mut names, 200));
    assert_eq!(names.state().answers, 2);
}

/// Half a message each: none of these streams can be read yet.
fn flood(names: &mut Names, user: u32, sockets: u64) {
    let bytes = an_answer(3);
    for cookie in 0..sockets {
        let socket = Socket::new(1_000_000 + cookie, 66).of_user(user);
        names.answer(&socket.tcp(1.0, 1, &bytes[..20]));
        names.question(&socket.tcp(1.0, 1, &framed(&asks(7, "flood.example"))[..9]));
    }
}

#[test]
fn streams_of_one_user_do_not_displace_those_of_another() {
    let mut names = names();
    let bytes = an_answer(3);
    let all = packets(Socket::new(1, 10), &bytes, 30);
    let (first, rest) = all.split_first().unwrap();
    names.answer(first);
    flood(&mut names, 1000, 1000);
    rest.iter().for_each(|packet| names.answer(packet));
    assert!(knows(&mut names, 3), "{:?}", names.state());
}

#[test]
fn streams_of_the_same_user_do() {
    let mut names = names();
    let bytes = an_answer(3);
    let all = packets(Socket::new(1, 10), &bytes, 30);
    let (first, rest) = all.split_first().unwrap();
    names.answer(first);
    flood(&mut names, 0, 1000);
    rest.iter().for_each(|packet| names.answer(packet));
    assert!(!knows(&mut names, 3), "there are too many of them");
}

/// A question that is known tells an answer to it from any other.
#[test]
fn questions_of_one_user_do_not_displace_those_of_another() {
    let mut names = names();
    let victim = Socket::new(1, 10);
    victim.asks(&mut names, 1.0, &asks(7, "shop.example"));
    for cookie in 0..5000 {
        let socket = Socket::new(1_000_000 + cookie, 66).of_user(1000);
        socket.asks(&mut names, 1.0, &asks(7, "flood.example"));
    }
    victim.hears(&mut names, 1.1, &answers(8, "shop.example", [address("shop.example", 60, "203.0.113.66")]));
    assert!(!knows(&mut names, 66) && names.state().unsolicited == 1, "{:?}", names.state());
    victim.hears(&mut names, 1.2, &answers(7, "shop.example", [address("shop.example", 60, "203.0.113.1")]));
    assert!(knows(&mut names, 1));
}
