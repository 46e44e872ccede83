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
