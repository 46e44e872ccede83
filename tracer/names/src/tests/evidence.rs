//! For which processes a name is evidence.

use egret_model::Server;

use super::names::look_up;
use super::packets::*;
use crate::{Client, Names, ProcessImage};

/// A name server that is not configured.
const OTHER: &str = "198.51.100.66:53";
/// Another network namespace.
const OTHER_NAMESPACE: u32 = 77;
const PEER: &str = "203.0.113.7";

fn found(names: &mut Names, client: Client) -> Option<(String, bool)> {
    let server: Option<Server> = names.find(client, ip(PEER), at(5.0));
    server.map(|server| (server.name.to_string(), server.evidence().is_some()))
}

fn evidence(name: &str) -> Option<(String, bool)> {
    Some((name.to_owned(), true))
}

fn no_evidence(name: &str) -> Option<(String, bool)> {
    Some((name.to_owned(), false))
}

#[test]
fn answer_of_a_configured_server_is_evidence_for_all() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10), 1.0, "a.example", 60, PEER);
    assert_eq!(found(&mut names, by(2, Some(10))), evidence("a.example"));
    assert_eq!(found(&mut names, by(3, Some(11))), evidence("a.example"));
    assert_eq!(found(&mut names, Client { namespace: OTHER_NAMESPACE, ..by(4, Some(12)) }), evidence("a.example"));
}

#[test]
fn answer_of_an_unconfigured_server_is_evidence_for_its_process_only() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10).to(OTHER), 1.0, "a.example", 60, PEER);
    assert_eq!(found(&mut names, by(2, Some(10))), evidence("a.example"));
    assert_eq!(found(&mut names, by(3, Some(11))), no_evidence("a.example"));
    let fork = ProcessImage { pid: 12, ..image_of(10) };
    assert_eq!(found(&mut names, Client { process: Some(fork), ..by(4, None) }), evidence("a.example"));
    let after_an_exec = ProcessImage { exec_id: 7, ..image_of(10) };
    assert_eq!(found(&mut names, Client { process: Some(after_an_exec), ..by(5, None) }), no_evidence("a.example"));
}

#[test]
fn answer_in_another_namespace_is_evidence_there_only() {
    let mut names = names();
    // At the address of the configured one, which the owner of a namespace can choose.
    let other = Socket::new(1, 10).inside(OTHER_NAMESPACE);
    look_up(&mut names, other, 1.0, "bank.example", 60, PEER);
    assert_eq!(found(&mut names, by(2, Some(11))), no_evidence("bank.example"));
    assert_eq!(found(&mut names, by(3, Some(10))), no_evidence("bank.example"), "nor for itself, in another namespace");
    assert_eq!(found(&mut names, Client { namespace: OTHER_NAMESPACE, ..by(4, Some(11)) }), evidence("bank.example"));
}

#[test]
fn forged_names_neither_hide_nor_evict_others() {
    let mut names = Names::new(settings(8));
    look_up(&mut names, Socket::new(1, 10), 1.0, "real.example", 60, PEER);
    for last in 0..=255 {
        let other = Socket::new(2, 20).inside(OTHER_NAMESPACE);
        look_up(&mut names, other, 2.0, "forged.example", 60, &format!("203.0.113.{last}"));
    }
    for number in 0..9 {
        let (other, name) = (Socket::new(2, 20).to(OTHER), format!("forged{number}.example"));
        look_up(&mut names, other, 3.0, &name, 60, PEER);
    }
    assert_eq!(found(&mut names, by(3, Some(11))), evidence("real.example"));
    assert!(names.state().addresses <= 10);
}

/// A look-up of a process stays, however many names another one queries.
#[test]
fn names_of_a_process_do_not_replace_those_of_another() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10), 1.0, "real.example", 60, PEER);
    for number in 0..200 {
        let (time, asked) = (2.0 + f64::from(number) / 100.0, format!("other{number}.example"));
        look_up(&mut names, Socket::new(2, 20), time, &asked, 60, PEER);
    }
    assert_eq!(found(&mut names, by(3, Some(10))), evidence("real.example"));
    assert_eq!(found(&mut names, by(4, Some(20))), evidence("other199.example"));
}

#[test]
fn fork_inherits_the_answers_of_its_parent() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10), 1.0, "real.example", 60, PEER);
    look_up(&mut names, Socket::new(2, 20), 2.0, "other.example", 60, PEER);
    let fork = ProcessImage { pid: 12, ..image_of(10) };
    assert_eq!(found(&mut names, Client { process: Some(fork), ..by(3, None) }), evidence("real.example"));
}

/// Many names of an address evict others only beyond the total limit.
#[test]
fn names_of_all_addresses_are_limited() {
    let mut names = Names::new(settings(4));
    for last in 1..=4 {
        for number in 0..8 {
            let asked = format!("a{number}.example");
            look_up(&mut names, Socket::new(1, 10), 1.0 + f64::from(last), &asked, 60, &format!("203.0.113.{last}"));
        }
    }
    assert_eq!(names.state().addresses, 2, "16 names have room");
    assert_eq!(names.state().evicted, 2);
}

#[test]
fn server_name_is_evidence_only_with_an_answer() {
    let hello = |names: &mut Names, cookie, name: &str| {
        let client = Socket::new(cookie, 10).to(&format!("{PEER}:443"));
        names.hello(&client.tcp(2.0, 1, &client_hello(&sni(name), 16_384)));
    };
    let mut names = names();
    hello(&mut names, 2, "claimed.example");
    assert_eq!(found(&mut names, by(2, Some(10))), no_evidence("claimed.example"));
    look_up(&mut names, Socket::new(1, 11), 1.0, "queried.example", 60, PEER);
    hello(&mut names, 3, "queried.example");
    assert_eq!(found(&mut names, by(3, Some(10))), evidence("queried.example"));
    hello(&mut names, 4, "claimed.example");
    assert_eq!(found(&mut names, by(4, Some(10))), no_evidence("claimed.example"));
}

#[test]
fn evidence_is_not_inherited_with_a_socket() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10).to(OTHER), 1.0, "a.example", 60, PEER);
    assert_eq!(found(&mut names, by(2, Some(10))), evidence("a.example"));
    assert_eq!(found(&mut names, by(2, Some(11))), no_evidence("a.example"));
}

#[test]
fn own_answers_are_evidence_if_namespaces_are_unknown() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10).inside(0), 1.0, "a.example", 60, PEER);
    assert_eq!(found(&mut names, by(2, Some(10))), evidence("a.example"));
    assert_eq!(found(&mut names, by(3, Some(11))), no_evidence("a.example"));
}

/// A user queries the configured name server for many names with 50 addresses each.
fn flood(names: &mut Names, user: u32, process: u32, time: f64, from: u32, addresses: u32) {
    for first in (from..from + addresses).step_by(50) {
        let of = |number: u32| std::net::Ipv4Addr::from(0x0b00_0000 + first + number).to_string();
        let asked = format!("n{first}.evil.example");
        let records = (0..50).map(|number| address(&asked, 600, &of(number)));
        let message = answers(1, &asked, records);
        Socket::new(u64::from(process), process).of_user(user).hears(names, time, &message);
    }
}

#[test]
fn flood_of_one_user_evicts_no_names_of_others() {
    let mut names = names();
    // A program asks a resolver of the host, which asks a server.
    look_up(&mut names, Socket::new(2, 20).of_user(101), 1.0, "a.example", 600, PEER);
    look_up(&mut names, Socket::new(1, 10), 1.0, "a.example", 600, PEER);
    for process in 0..20 {
        flood(&mut names, 1000, 100 + process, 2.0, process * 500, 500);
        flood(&mut names, 101, 20, 2.0, process * 500, 500);
    }
    assert_eq!(names.state().addresses, 1000);
    assert_eq!(found(&mut names, by(3, Some(11))), evidence("a.example"));
    // The flood evicts its own addresses.
    let first = names.find(by(4, Some(11)), ip("11.0.0.1"), at(5.0));
    assert!(first.is_none(), "{first:?}");
    assert!(names.find(by(5, Some(11)), ip("11.0.39.15"), at(5.0)).is_some());
}

#[test]
fn users_share_the_table_evenly_and_it_stays_bounded_beyond_256_users() {
    let mut names = names();
    for user in 0..4 {
        flood(&mut names, user, user, 1.0, user * 2000, 1000);
    }
    let held = |names: &mut Names, user: u32| {
        let address =
            |number: u32| std::net::IpAddr::from(std::net::Ipv4Addr::from(0x0b00_0000 + user * 2000 + number));
        (0..1000).filter(|number| names.find(by(9, Some(9)), address(*number), at(5.0)).is_some()).count()
    };
    assert_eq!([0, 1, 2, 3].map(|user| held(&mut names, user)), [250; 4]);
    for user in 0..600 {
        flood(&mut names, user, user, 2.0, user * 50, 50);
    }
    assert_eq!(names.state().addresses, 1000);
}

#[test]
fn flood_after_a_restart_evicts_no_names_of_others() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10), 1.0, "a.example", 600, PEER);
    flood(&mut names, 1000, 100, 2.0, 0, 900);
    let mut after = Names::new(settings(1000));
    after.restore(&names.save(at(-60.0)), at(-60.0), at(3.0));
    flood(&mut after, 1000, 101, 4.0, 2000, 3000);
    assert_eq!(found(&mut after, by(3, Some(11))), evidence("a.example"));
}
