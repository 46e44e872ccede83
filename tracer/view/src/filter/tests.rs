use std::sync::{Arc, OnceLock};

use egret_model::{
    Cgroup, Container, Endpoint, Event, EventName, Executable, Interface, Pod, Reason, Transport, Verdict, Workload,
    sample,
};
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::{ContainerIs, Direction, ExecutableIs, Filter, NameIs, PeerIs, UnitIs, UserIs};

fn event_of(path: &str) -> Event {
    let executable = Executable { path: Some(path.into()), ..Executable::default() };
    let process = egret_model::Process { executable: Arc::new(executable), ..sample::process() };
    Event { process: Some(Arc::new(process)), ..sample::event() }
}

fn at(given: &str, resolved: &str) -> Filter {
    let executables = vec![ExecutableIs::At { given: given.into(), resolved: resolved.into() }];
    Filter { executables, ..Filter::default() }
}

fn named(name: &str) -> Filter {
    Filter { executables: vec![ExecutableIs::Named(name.into())], ..Filter::default() }
}

fn peers(networks: &[&str]) -> Filter {
    let networks = networks.iter().map(|network| network.parse::<IpNet>().unwrap());
    Filter { peers: networks.map(PeerIs::from).collect(), ..Filter::default() }
}

#[test]
fn link_local_peers_match_by_interface() {
    let network = "fe80::1/128".parse().unwrap();
    let asked = |interface| Filter { peers: vec![PeerIs { network, interface }], ..Filter::default() };
    let [eth0, eth1] = ["eth0", "eth1"].map(Interface::from_name);
    let behind = |interface| {
        let peer = sample::endpoint("fe80::1", 443).behind(interface);
        Event { peer, ..sample::event() }
    };
    assert!(asked(eth0).matches(&behind(eth0)));
    assert!(!asked(eth0).matches(&behind(eth1)) && !asked(eth0).matches(&behind(None)));
    assert!([eth0, eth1, None].into_iter().all(|interface| asked(None).matches(&behind(interface))));
}

fn to(address: &str) -> Event {
    Event { peer: sample::endpoint(address, 443), ..sample::event() }
}

#[test]
fn executables_match_by_file_name() {
    assert!(named("curl").matches(&event_of("/opt/tools/curl")));
    assert!(!named("curl").matches(&event_of("/usr/bin/curl-7")));
    assert!(!named("curl").matches(&event_of("/usr/curl/bin")));
}

#[test]
fn executables_match_by_resolved_path_and_by_link() {
    let filter = at("/bin/curl", "/usr/bin/curl");
    assert!(filter.matches(&event_of("/usr/bin/curl")));
    assert!(filter.matches(&event_of("/bin/curl")), "the same path inside a container");
    assert!(!filter.matches(&event_of("/opt/tools/curl")));
}

#[test]
fn removed_executables_match() {
    assert!(at("/usr/sbin/sshd", "/usr/sbin/sshd").matches(&event_of("/usr/sbin/sshd (deleted)")));
    assert!(named("sshd").matches(&event_of("/usr/sbin/sshd (deleted)")));
}

#[test]
fn hosts_match_by_name_and_by_domain() {
    let of = |name| Filter { names: vec![name], ..Filter::default() };
    let below = |domain: &str| of(NameIs::Below(domain.into()));
    let to = |name| Event { server: Some(sample::server(name)), ..sample::event() };
    assert!(of(NameIs::Exactly("example.org".into())).matches(&to("example.org")));
    assert!(!of(NameIs::Exactly("example.org".into())).matches(&to("www.example.org")));
    assert!(below("example.org").matches(&to("www.example.org")));
    assert!(below("example.org").matches(&to("a.b.example.org")));
    assert!(!below("example.org").matches(&to("example.org")));
    assert!(!below("example.org").matches(&to("badexample.org")));
    assert!(!below("example.org").matches(&Event { server: None, ..sample::event() }));
}

#[test]
fn events_match_by_name_verdict_and_reason() {
    let closed = Event { name: EventName::ConnectionClose, ..sample::event() };
    let filter = Filter { events: vec![EventName::ConnectionClose, EventName::Listen], ..Filter::default() };
    assert!(filter.matches(&closed) && !filter.matches(&sample::event()));
    let filter = Filter { verdicts: vec![Verdict::Block], ..Filter::default() };
    assert!(!filter.matches(&closed));
    let blocked = Event { verdict: Some(Verdict::Block), ..closed };
    assert!(filter.matches(&blocked));
    let filter = Filter { reasons: vec![Reason::Late, Reason::NoRule], ..filter };
    assert!(!filter.matches(&blocked));
    let late = Some(sample::evaluation(Reason::Late));
    assert!(filter.matches(&Event { evaluation: late.clone(), ..blocked }));
    assert!(!filter.matches(&Event { evaluation: late, ..sample::event() }), "it was not blocked");
}

#[test]
fn users_match_by_uid_and_name() {
    let of = |user| Filter { users: vec![user], ..Filter::default() };
    assert!(of(UserIs::Id(1000)).matches(&sample::event()));
    assert!(of(UserIs::Named("alice".into())).matches(&sample::event()));
    assert!(!of(UserIs::Id(0)).matches(&sample::event()));
    assert!(!of(UserIs::Named("1000".into())).matches(&sample::event()));
}

#[test]
fn ports_match_local_and_peer() {
    let of = |range| Filter { ports: vec![range], ..Filter::default() };
    assert!(of(443..=443).matches(&sample::event()));
    assert!(of(49_999..=50_000).matches(&sample::event()));
    assert!(!of(444..=49_999).matches(&sample::event()));
}

#[test]
fn mapped_peers_match_as_ipv4() {
    assert!(peers(&["192.0.2.0/24"]).matches(&to("::ffff:192.0.2.7")));
    assert!(peers(&["192.0.2.7/32"]).matches(&to("192.0.2.7")));
    assert!(!peers(&["::/0"]).matches(&to("::ffff:192.0.2.7")));
    assert!(!peers(&["0.0.0.0/0"]).matches(&to("2001:db8::1")));
}

#[test]
fn admits_follows_included_and_excluded_events() {
    let update = EventName::ConnectionUpdate;
    let of = |events: &[EventName]| Filter { events: events.to_vec(), ..Filter::default() };
    let without = |events: &[EventName]| Filter { not: Some(Box::new(of(events))), ..Filter::default() };
    for (filter, admitted) in [
        (Filter::default(), true),
        (of(&[EventName::ConnectionClose, update]), true),
        (of(&[EventName::ConnectionClose]), false),
        (without(&[EventName::Listen]), true),
        (without(&[update]), false),
    ] {
        assert_eq!(filter.admits(update), admitted, "{filter:?}");
    }
}

#[test]
fn abbreviated_ids_need_four_digits() {
    for (text, is_too_short) in [("aaa", true), ("4fcb", false), ("web", false), ("shop/web", false)] {
        assert_eq!(ContainerIs(text.into()).is_too_short_for_an_id(), is_too_short, "{text}");
    }
}

#[test]
fn every_raw_protocol_matches_raw() {
    let raw = Filter { transports: vec!["raw"], ..Filter::default() };
    assert!(raw.matches(&Event { transport: Some(Transport::Raw(47)), ..sample::event() }));
    assert!(!raw.matches(&sample::event()));
}

#[test]
fn unknown_attributes_match_no_criterion() {
    let nameless = Event {
        process: None,
        transport: None,
        local: Endpoint::default(),
        peer: Endpoint::default(),
        ..sample::event()
    };
    assert!(Filter::default().matches(&nameless));
    for filter in one_of_each() {
        assert!(!filter.matches(&nameless), "{filter:?}");
    }
}

fn in_container(details: Option<Container>) -> Event {
    let id = "4fcbdd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";
    let details = OnceLock::from(details.map(Arc::new));
    let group =
        Cgroup { container: Some(id.into()), unit: Some("docker-x.service".into()), details, ..Cgroup::default() };
    let process = egret_model::Process { cgroup: Some(Arc::new(group)), ..sample::process() };
    Event { process: Some(Arc::new(process)), ..sample::event() }
}

#[test]
fn containers_match_by_name_id_and_pod() {
    let of = |text: &str| Filter { containers: vec![ContainerIs(text.into())], ..Filter::default() };
    let workload = Workload { name: "web".into(), kind: None };
    let pod = Some(Pod::new("shop", "web-x2lvq", workload));
    let known = in_container(Some(Container { name: Some("front".into()), pod, ..Container::default() }));
    for text in ["front", "4fcbdd3ae0a1", "4fcb", "shop/web", "shop/web-x2lvq"] {
        assert!(of(text).matches(&known), "{text}");
    }
    for text in ["fron", "4fc", "cbdd", "web", "other/web", "shop/", "4fcbdd3ae0a2"] {
        assert!(!of(text).matches(&known), "{text}");
    }
    assert!(of("4fcb").matches(&in_container(None)) && !of("front").matches(&in_container(None)));
    assert!(!of("front").matches(&sample::event()));
}

#[test]
fn units_match_with_and_without_service() {
    let of = |text: &str| Filter { units: vec![UnitIs(text.into())], ..Filter::default() };
    assert!(of("docker-x").matches(&in_container(None)) && of("docker-x.service").matches(&in_container(None)));
    assert!(!of("docker").matches(&in_container(None)) && !of("docker-x").matches(&sample::event()));
}

#[test]
fn direction_is_who_opened_the_connection() {
    let of = |direction| Filter { directions: vec![direction], ..Filter::default() };
    let accepted = Event { name: EventName::Accept, ..sample::event() };
    let ended = Event { name: EventName::ConnectionClose, inbound: true, ..sample::event() };
    for event in [accepted, ended, Event { name: EventName::Listen, ..sample::event() }] {
        assert!(of(Direction::In).matches(&event) && !of(Direction::Out).matches(&event));
    }
    assert!(of(Direction::Out).matches(&sample::event()) && !of(Direction::In).matches(&sample::event()));
}

#[test]
fn any_matching_value_excludes_and_unknown_attributes_do_not() {
    let without = |not: Filter| Filter { not: Some(Box::new(not)), ..Filter::default() };
    assert!(!without(named("curl")).matches(&sample::event()));
    assert!(without(named("wget")).matches(&sample::event()));
    let either = Filter { ports: vec![1..=1], ..named("curl") };
    assert!(!without(either).matches(&sample::event()), "one is enough");
    let unknown = Event { process: None, ..sample::event() };
    assert!(without(named("curl")).matches(&unknown));
    let both = Filter { not: Some(Box::new(named("curl"))), ..one_of_each()[3].clone() };
    assert!(!both.matches(&sample::event()) && both.matches(&event_of("/usr/bin/wget")));
}

#[test]
fn followed_only_hides_all_other_processes() {
    let filter = Filter { followed_only: true, ..Filter::default() };
    assert!(!filter.matches(&sample::event()));
    assert!(filter.matches(&Event { followed: true, ..sample::event() }));
}

/// A filter for each criterion that matches the sample event.
fn one_of_each() -> [Filter; 6] {
    let none = Filter::default;
    [
        Filter { pids: vec![4242], ..none() },
        named("curl"),
        Filter { users: vec![UserIs::Id(1000)], ..none() },
        Filter { ports: vec![443..=443], ..none() },
        peers(&["192.0.2.0/24"]),
        Filter { transports: vec!["tcp"], ..none() },
    ]
}

/// Adds a value that does not match the sample event.
fn unmet(filter: &mut Filter, criterion: usize, alone: bool) {
    fn add<T>(list: &mut Vec<T>, value: T, alone: bool) {
        if alone {
            list.clear();
        }
        list.push(value);
    }
    match criterion {
        0 => add(&mut filter.pids, 1, alone),
        1 => add(&mut filter.executables, ExecutableIs::Named("wget".into()), alone),
        2 => add(&mut filter.users, UserIs::Id(0), alone),
        3 => add(&mut filter.ports, 1..=79, alone),
        4 => add(&mut filter.peers, PeerIs::from("2001:db8::/32".parse::<IpNet>().unwrap()), alone),
        _ => add(&mut filter.transports, "udp", alone),
    }
}

/// One filter with the criteria of all `parts`.
fn together(parts: Vec<Filter>) -> Filter {
    parts.into_iter().fold(Filter::default(), |mut sum, part| {
        sum.pids.extend(part.pids);
        sum.executables.extend(part.executables);
        sum.users.extend(part.users);
        sum.ports.extend(part.ports);
        sum.peers.extend(part.peers);
        sum.transports.extend(part.transports);
        sum
    })
}

proptest! {
    #[test]
    fn all_criteria_and_any_value_must_match(
        parts in subsequence(one_of_each().to_vec(), 0..=6),
        criterion in 0..6_usize,
    ) {
        let met = together(parts);
        prop_assert!(met.matches(&sample::event()));

        let mut contradicted = met.clone();
        unmet(&mut contradicted, criterion, true);
        prop_assert!(!contradicted.matches(&sample::event()), "one unmet criterion is enough: {:?}", contradicted);

        let mut widened = together(vec![met, one_of_each()[criterion].clone()]);
        unmet(&mut widened, criterion, false);
        prop_assert!(widened.matches(&sample::event()), "one met value is enough: {:?}", widened);
    }

    #[test]
    fn peers_match_by_network(
        address in any::<std::net::Ipv4Addr>(), other in any::<std::net::Ipv4Addr>(), length in 0..=32_u32,
    ) {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        let inside = (address.to_bits() ^ other.to_bits()) & mask == 0;
        let filter = peers(&[&format!("{other}/{length}")]);
        prop_assert_eq!(filter.matches(&to(&address.to_string())), inside);
        prop_assert_eq!(filter.matches(&to(&format!("::ffff:{address}"))), inside);
    }
}
