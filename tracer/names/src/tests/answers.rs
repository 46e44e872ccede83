//! The names in DNS answers.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, AAAA, HTTPS, SVCB};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use super::packets::*;
use crate::Names;

fn after(message: &Message) -> Names {
    let mut names = names();
    Socket::new(1, 10).hears(&mut names, 0.0, message);
    names
}

fn name_of(names: &mut Names, address: &str) -> Option<String> {
    names.find(by(99, None), ip(address), at(1.0)).map(|server| server.name.to_string())
}

fn service(owner: &str, priority: u16, target: &str, hints: &[&str]) -> Record {
    let ipv4 = hints.iter().filter_map(|hint| hint.parse::<Ipv4Addr>().ok()).map(A).collect();
    let ipv6 = hints.iter().filter_map(|hint| hint.parse::<Ipv6Addr>().ok()).map(AAAA).collect();
    let parameters = match priority {
        0 => Vec::new(),
        _ => vec![
            (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(ipv4))),
            (SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(IpHint(ipv6))),
        ],
    };
    let service = SVCB::new(priority, name(target), parameters);
    Record::from_rdata(name(owner), 60, RData::HTTPS(HTTPS(service)))
}

#[test]
fn records_outside_the_chain_are_ignored() {
    let records = [
        alias("asked.example", 60, "edge.example"),
        address("edge.example", 60, "203.0.113.1"),
        address("other.example", 60, "203.0.113.2"),
        alias("other.example", 60, "third.example"),
        address("third.example", 60, "203.0.113.3"),
    ];
    let mut names = after(&answers(1, "asked.example", records));
    assert_eq!(name_of(&mut names, "203.0.113.1").as_deref(), Some("asked.example"));
    assert_eq!(name_of(&mut names, "203.0.113.2"), None);
    assert_eq!(name_of(&mut names, "203.0.113.3"), None);
}

#[test]
fn order_of_a_chain_and_case_of_names_do_not_matter() {
    let records = [
        address("C.example", 60, "203.0.113.1"),
        alias("b.Example", 60, "c.EXAMPLE"),
        alias("a.example", 60, "B.example"),
    ];
    let mut names = after(&answers(1, "A.example", records));
    assert_eq!(name_of(&mut names, "203.0.113.1").as_deref(), Some("a.example"));
}

#[test]
fn cyclic_chain_ends() {
    let records = [
        alias("a.example", 60, "b.example"),
        alias("b.example", 60, "a.example"),
        address("b.example", 60, "203.0.113.1"),
    ];
    assert!(name_of(&mut after(&answers(1, "a.example", records)), "203.0.113.1").is_some());
}

#[test]
fn length_of_a_chain_is_limited() {
    let aliases = (0..40).map(|n| alias(&format!("n{n}.example"), 60, &format!("n{}.example", n + 1)));
    let near = address("n15.example", 60, "203.0.113.1");
    let far = address("n16.example", 60, "203.0.113.2");
    let mut names = after(&answers(1, "n0.example", aliases.chain([near, far])));
    assert!(name_of(&mut names, "203.0.113.1").is_some());
    assert_eq!(name_of(&mut names, "203.0.113.2"), None);
}

#[test]
fn addresses_of_an_answer_are_limited() {
    let records = (0..200).map(|last| address("a.example", 60, &format!("203.0.113.{last}")));
    assert_eq!(after(&answers(1, "a.example", records)).state().addresses, 64);
}

#[test]
fn hints_of_service_records_are_addresses() {
    let records = [service("a.example", 1, ".", &["203.0.113.1", "2001:db8::1"])];
    let mut names = after(&answers(1, "a.example", records));
    assert_eq!(name_of(&mut names, "203.0.113.1").as_deref(), Some("a.example"));
    assert_eq!(name_of(&mut names, "2001:db8::1").as_deref(), Some("a.example"));
}

#[test]
fn service_records_lead_to_their_targets() {
    let mut message = answers(1, "a.example", [service("a.example", 0, "pool.example", &[])]);
    message.add_additional(address("pool.example", 60, "203.0.113.1"));
    assert_eq!(name_of(&mut after(&message), "203.0.113.1").as_deref(), Some("a.example"));
}

#[test]
fn port_of_a_service_query_is_not_part_of_the_name() {
    let asked = "_8443._https.a.example";
    let mut message = answers(1, asked, [service(asked, 1, ".", &["203.0.113.1"])]);
    message.queries = vec![Query::query(name(asked), RecordType::HTTPS)];
    assert_eq!(name_of(&mut after(&message), "203.0.113.1").as_deref(), Some("a.example"));
}

#[test]
fn edns_record_is_ignored() {
    let mut message = answers(1, "a.example", [address("a.example", 60, "203.0.113.1")]);
    message.set_edns(Edns::new());
    assert!(name_of(&mut after(&message), "203.0.113.1").is_some());
}

#[test]
fn unsuccessful_answers_are_ignored() {
    let good = || answers(1, "a.example", [address("a.example", 60, "203.0.113.1")]);
    assert!(name_of(&mut after(&good()), "203.0.113.1").is_some());
    let changes: [fn(&mut Message); 7] = [
        |message| message.metadata.message_type = MessageType::Query,
        |message| message.metadata.op_code = OpCode::Notify,
        |message| message.metadata.response_code = ResponseCode::NXDomain,
        |message| {
            // In the header alone it would read as success.
            message.metadata.response_code = ResponseCode::BADVERS;
            message.set_edns(Edns::new());
        },
        |message| message.queries.clear(),
        |message| message.queries.push(Query::query(name("b.example"), RecordType::A)),
        |message| {
            message.queries[0].set_query_class(DNSClass::CH);
        },
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut message = good();
        change(&mut message);
        assert_eq!(name_of(&mut after(&message), "203.0.113.1"), None, "{n}");
    }
}

#[test]
fn unspecified_addresses_are_ignored() {
    let records = [address("blocked.example", 60, "0.0.0.0"), address("blocked.example", 60, "::")];
    assert_eq!(after(&answers(1, "blocked.example", records)).state().addresses, 0);
}

#[test]
fn complete_records_of_a_truncated_answer_are_used() {
    let records = (1..=9).map(|last| address("a.example", 60, &format!("203.0.113.{last}")));
    let mut message = answers(1, "a.example", records);
    let whole = message.to_vec().unwrap();
    message.metadata.truncation = true;
    let marked = message.to_vec().unwrap();
    // Sixteen bytes a record: the last one lacks its end.
    let (broken, cut) = (&whole[..whole.len() - 3], &marked[..marked.len() - 3]);
    for (bytes, length, known) in [(broken, broken.len(), false), (cut, cut.len(), true), (broken, whole.len(), true)] {
        let mut names = names();
        names.answer(&crate::Segment { length, ..Socket::new(1, 10).udp(0.0, bytes) });
        assert_eq!(name_of(&mut names, "203.0.113.8").is_some(), known);
        assert_eq!(name_of(&mut names, "203.0.113.9"), None);
        assert_eq!(names.state().malformed, u64::from(!known));
    }
}

#[test]
fn multicast_answers_are_ignored() {
    let message = answers(1, "printer.local", [address("printer.local", 60, "203.0.113.1")]);
    for port in ["5353", "5355"] {
        let mut names = names();
        Socket::new(1, 10).to(&format!("192.0.2.9:{port}")).hears(&mut names, 0.0, &message);
        assert_eq!(names.state(), crate::State::default());
    }
}
