//! What an answer can name, and what it cannot.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, AAAA, HTTPS, SVCB};
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use super::packets::*;
use crate::Names;

fn told(message: &Message) -> Names {
    let mut names = names();
    Socket::new(1, 10).hears(&mut names, 0.0, message);
    names
}

fn name_of(names: &mut Names, address: &str) -> Option<String> {
    names.find(99, None, ip(address), at(1.0)).map(|server| server.name.to_string())
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
fn records_that_the_question_does_not_lead_to_name_nothing() {
    let records = [
        alias("asked.example", 60, "edge.example"),
        address("edge.example", 60, "203.0.113.1"),
        address("other.example", 60, "203.0.113.2"),
        alias("other.example", 60, "third.example"),
        address("third.example", 60, "203.0.113.3"),
    ];
    let mut names = told(&answers(1, "asked.example", records));
    assert_eq!(name_of(&mut names, "203.0.113.1").as_deref(), Some("asked.example"));
    assert_eq!(name_of(&mut names, "203.0.113.2"), None);
    assert_eq!(name_of(&mut names, "203.0.113.3"), None);
}

#[test]
fn the_order_of_a_chain_and_the_case_of_its_names_do_not_matter() {
    let records = [
        address("C.example", 60, "203.0.113.1"),
        alias("b.Example", 60, "c.EXAMPLE"),
        alias("a.example", 60, "B.example"),
    ];
    let mut names = told(&answers(1, "A.example", records));
    assert_eq!(name_of(&mut names, "203.0.113.1").as_deref(), Some("a.example"));
}

#[test]
fn a_chain_that_bites_its_tail_ends() {
    let records = [
        alias("a.example", 60, "b.example"),
        alias("b.example", 60, "a.example"),
        address("b.example", 60, "203.0.113.1"),
    ];
    assert!(name_of(&mut told(&answers(1, "a.example", records)), "203.0.113.1").is_some());
}

#[test]
fn a_chain_is_followed_so_far_and_no_further() {
    let aliases = (0..40).map(|n| alias(&format!("n{n}.example"), 60, &format!("n{}.example", n + 1)));
    let near = address("n15.example", 60, "203.0.113.1");
    let far = address("n16.example", 60, "203.0.113.2");
    let mut names = told(&answers(1, "n0.example", aliases.chain([near, far])));
    assert!(name_of(&mut names, "203.0.113.1").is_some());
    assert_eq!(name_of(&mut names, "203.0.113.2"), None);
}

#[test]
fn one_answer_cannot_fill_the_table() {
    let records = (0..200).map(|last| address("a.example", 60, &format!("203.0.113.{last}")));
    assert_eq!(told(&answers(1, "a.example", records)).state().addresses, 64);
}

#[test]
fn hints_of_service_records_are_addresses() {
    let records = [service("a.example", 1, ".", &["203.0.113.1", "2001:db8::1"])];
    let mut names = told(&answers(1, "a.example", records));
    assert_eq!(name_of(&mut names, "203.0.113.1").as_deref(), Some("a.example"));
    assert_eq!(name_of(&mut names, "2001:db8::1").as_deref(), Some("a.example"));
}

#[test]
fn service_records_lead_to_their_targets() {
    let mut message = answers(1, "a.example", [service("a.example", 0, "pool.example", &[])]);
    message.add_additional(address("pool.example", 60, "203.0.113.1"));
    assert_eq!(name_of(&mut told(&message), "203.0.113.1").as_deref(), Some("a.example"));
}

#[test]
fn the_port_in_the_question_for_a_service_is_not_part_of_the_name() {
    let asked = "_8443._https.a.example";
    let mut message = answers(1, asked, [service(asked, 1, ".", &["203.0.113.1"])]);
    message.queries = vec![Query::query(name(asked), RecordType::HTTPS)];
    assert_eq!(name_of(&mut told(&message), "203.0.113.1").as_deref(), Some("a.example"));
}

#[test]
fn edns_does_not_get_in_the_way() {
    let mut message = answers(1, "a.example", [address("a.example", 60, "203.0.113.1")]);
    message.set_edns(Edns::new());
    assert!(name_of(&mut told(&message), "203.0.113.1").is_some());
}

#[test]
fn what_is_no_plain_successful_answer_names_nothing() {
    let good = || answers(1, "a.example", [address("a.example", 60, "203.0.113.1")]);
    assert!(name_of(&mut told(&good()), "203.0.113.1").is_some());
    let spoilt: [fn(&mut Message); 7] = [
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
    for (n, spoil) in spoilt.into_iter().enumerate() {
        let mut message = good();
        spoil(&mut message);
        assert_eq!(name_of(&mut told(&message), "203.0.113.1"), None, "{n}");
    }
}

#[test]
fn an_unspecified_address_is_nobodys() {
    let records = [address("blocked.example", 60, "0.0.0.0"), address("blocked.example", 60, "::")];
    assert_eq!(told(&answers(1, "blocked.example", records)).state().addresses, 0);
}

#[test]
fn a_truncated_answer_counts_as_far_as_it_goes() {
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
