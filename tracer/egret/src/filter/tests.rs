use std::sync::{Arc, OnceLock};

use egret_model::{
    Cgroup, Container, Endpoint, Event, EventName, Executable, Interface, Pod, Reason, Transport, Verdict, Workload,
};
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::{ContainerIs, Direction, ExecutableIs, Filter, NameIs, PeerIs, UnitIs, UserIs};
use crate::sample;

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
fn a_link_local_peer_is_behind_the_interface_that_is_asked_for() {
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
fn an_executable_is_found_by_name_in_any_directory() {
    assert!(named("curl").matches(&event_of("/opt/tools/curl")));
    assert!(!named("curl").matches(&event_of("/usr/bin/curl-7")));
    assert!(!named("curl").matches(&event_of("/usr/curl/bin")));
}

#[test]
fn an_executable_is_found_by_its_true_path_and_by_a_link_to_it() {
    let filter = at("/bin/curl", "/usr/bin/curl");
    assert!(filter.matches(&event_of("/usr/bin/curl")));
    assert!(filter.matches(&event_of("/bin/curl")), "the same path inside a container");
    assert!(!filter.matches(&event_of("/opt/tools/curl")));
}

#[test]
fn an_executable_that_an_upgrade_removed_is_still_found() {
    assert!(at("/usr/sbin/sshd", "/usr/sbin/sshd").matches(&event_of("/usr/sbin/sshd (deleted)")));
    assert!(named("sshd").matches(&event_of("/usr/sbin/sshd (deleted)")));
}

#[test]
fn a_host_is_found_by_its_name_and_by_the_domain_that_it_is_below() {
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
fn what_happened_and_what_enforcement_said_are_criteria() {
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
fn a_user_is_found_by_number_and_by_name() {
    let of = |user| Filter { users: vec![user], ..Filter::default() };
    assert!(of(UserIs::Id(1000)).matches(&sample::event()));
    assert!(of(UserIs::Named("alice".into())).matches(&sample::event()));
    assert!(!of(UserIs::Id(0)).matches(&sample::event()));
    assert!(!of(UserIs::Named("1000".into())).matches(&sample::event()));
}

#[test]
fn a_port_may_be_on_either_end() {
    let of = |range| Filter { ports: vec![range], ..Filter::default() };
    assert!(of(443..=443).matches(&sample::event()));
    assert!(of(49_999..=50_000).matches(&sample::event()));
    assert!(!of(444..=49_999).matches(&sample::event()));
}

#[test]
fn a_mapped_peer_is_the_ipv4_address_that_it_is() {
    assert!(peers(&["192.0.2.0/24"]).matches(&to("::ffff:192.0.2.7")));
    assert!(peers(&["192.0.2.7/32"]).matches(&to("192.0.2.7")));
    assert!(!peers(&["::/0"]).matches(&to("::ffff:192.0.2.7")));
    assert!(!peers(&["0.0.0.0/0"]).matches(&to("2001:db8::1")));
}

#[test]
fn events_that_a_filter_never_admits_are_known_beforehand() {
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
fn beginnings_of_ids_have_four_digits() {
    for (text, is_too_short) in [("aaa", true), ("4fcb", false), ("web", false), ("shop/web", false)] {
        assert_eq!(ContainerIs(text.into()).is_too_short_for_an_id(), is_too_short, "{text}");
    }
}

#[test]
fn any_raw_protocol_is_raw() {
    let raw = Filter { transports: vec!["raw"], ..Filter::default() };
    assert!(raw.matches(&Event { transport: Some(Transport::Raw(47)), ..sample::event() }));
    assert!(!raw.matches(&sample::event()));
}

#[test]
fn what_is_not_known_meets_no_criterion() {
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
fn a_container_is_found_by_name_id_and_pod() {
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
fn a_unit_is_found_with_and_without_its_type() {
    let of = |text: &str| Filter { units: vec![UnitIs(text.into())], ..Filter::default() };
    assert!(of("docker-x").matches(&in_container(None)) && of("docker-x.service").matches(&in_container(None)));
    assert!(!of("docker").matches(&in_container(None)) && !of("docker-x").matches(&sample::event()));
}

#[test]
fn who_began_a_connection_is_its_direction() {
    let of = |direction| Filter { directions: vec![direction], ..Filter::default() };
    let accepted = Event { name: EventName::Accept, ..sample::event() };
    let ended = Event { name: EventName::ConnectionClose, inbound: true, ..sample::event() };
    for event in [accepted, ended, Event { name: EventName::Listen, ..sample::event() }] {
        assert!(of(Direction::In).matches(&event) && !of(Direction::Out).matches(&event));
    }
    assert!(of(Direction::Out).matches(&sample::event()) && !of(Direction::In).matches(&sample::event()));
}

#[test]
fn what_is_excluded_is_hidden_by_any_value_that_is_met_and_by_nothing_unknown() {
    let without = |not: Filter| Filter { not: Some(Box::new(not)), ..Filter::default() };
    assert!(!without(named("curl")).matches(&sample::event()));
    assert!(without(named("wget")).matches(&sample::event()));
    let either = Filter { ports: vec![1..=1], ..named("curl") };
    assert!(!without(either).matches(&sample::event()), "one is enough");
    let nobody = Event { process: None, ..sample::event() };
    assert!(without(named("curl")).matches(&nobody));
    let both = Filter { not: Some(Box::new(named("curl"))), ..one_of_each()[3].clone() };
    assert!(!both.matches(&sample::event()) && both.matches(&event_of("/usr/bin/wget")));
}

#[test]
fn a_command_that_is_followed_hides_everything_else() {
    let filter = Filter { followed_only: true, ..Filter::default() };
    assert!(!filter.matches(&sample::event()));
    assert!(filter.matches(&Event { followed: true, ..sample::event() }));
}

/// A filter for each criterion, which the sample event meets.
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

/// For each criterion, a value that the sample event does not meet.
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
    fn criteria_add_up_and_values_are_alternatives(
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
    fn a_peer_is_in_its_own_networks_and_in_no_other(
        address in any::<std::net::Ipv4Addr>(), other in any::<std::net::Ipv4Addr>(), length in 0..=32_u32,
    ) {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        let inside = (address.to_bits() ^ other.to_bits()) & mask == 0;
        let filter = peers(&[&format!("{other}/{length}")]);
        prop_assert_eq!(filter.matches(&to(&address.to_string())), inside);
        prop_assert_eq!(filter.matches(&to(&format!("::ffff:{address}"))), inside);
    }
}
