//! Any rules, any flows.

use std::net::IpAddr;
use std::sync::Arc;

use egret_model::{Interface, Timestamp, is_link_local};
use ipnet::IpNet;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::evidence::{Evidence, Members};
use super::super::{
    Action, Baseline, Day, Destination, Entry, Facts, Gap, Generalisation, Host, MEMORY, PRIVATE, Period, Ports, Rule,
    Subject, Value, parse_subject,
};

/// Few values, so that rules and flows meet.
const NAMES: [&str; 6] = ["example.org", "a.example.org", "b.a.example.org", "example.com", "org", "x.test"];
const ADDRESSES: [&str; 7] =
    ["192.0.2.7", "192.0.2.200", "198.51.100.1", "2001:db8::1", "2001:db8:1::1", "fe80::1", "fe80::2"];
const EXECUTABLES: [&str; 3] = ["/usr/bin/curl", "/usr/bin/with blank", "/opt/odd\"#= name"];

fn text(values: &'static [&'static str]) -> impl Strategy<Value = Arc<str>> {
    select(values).prop_map(Arc::from)
}

/// One of these, or a pattern for some of them.
fn value(values: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let pattern = select(["/usr/*/curl", "/opt/odd*", "/usr/bin/????", "/*/bin/curl", "*", "al*", "[0-9]*"].to_vec());
    let pattern = pattern.prop_map(|text| parse_subject(&format!("exe={text}")).unwrap().executable.unwrap());
    prop_oneof![3 => select(values).prop_map(Value::from), 1 => pattern]
}

fn address() -> impl Strategy<Value = IpAddr> {
    select(ADDRESSES.to_vec()).prop_map(|address| address.parse().unwrap())
}

fn interface() -> impl Strategy<Value = Interface> {
    select(vec!["eth0", "eth1"]).prop_map(|name| Interface::from_name(name).unwrap())
}

fn host() -> impl Strategy<Value = Host> {
    let network = (address(), 0_u8..=32).prop_map(|(address, length)| IpNet::new(address, length).unwrap().trunc());
    prop_oneof![
        Just(Host::Any),
        text(&NAMES).prop_map(Host::Name),
        text(&NAMES).prop_map(Host::Below),
        text(&NAMES).prop_map(Host::Domain),
        (address(), of(interface())).prop_map(|(address, interface)| Host::at(address, interface)),
        network.prop_map(Host::Network),
    ]
}

fn ports() -> impl Strategy<Value = Ports> {
    let range = (1_u16..5, 0_u16..5).prop_map(|(first, more)| Ports::Range(first, first + more));
    prop_oneof![Just(Ports::Any), range]
}

prop_compose! {
    pub(crate) fn rule()(
        executable in of(value(&EXECUTABLES)),
        file in of(value(&["private", "memory"])),
        script in of(value(&["app.py", "-m http.server"])),
        user in of(value(&["alice", "1000"])),
        (unit, container) in (of(value(&["nginx.service"])), of(value(&["web"]))),
        (image, pod) in (of(value(&["nginx:1.27", "app"])), of(value(&["shop/web"]))),
        parent in of(value(&EXECUTABLES)),
        transport in of(select(vec!["tcp", "udp", "icmp"])),
        host in host(),
        ports in ports(),
    ) -> Rule {
        let subject = Subject { executable, file, script, user, unit, container, image, pod, parent, ..Subject::default() };
        Rule { subject, destination: Destination { transport, host, ports } }
    }
}

pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_000_000_000).prop_map(|seconds| Timestamp(seconds * 1_000_000_000))
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let members = (select(Generalisation::ALL.to_vec()), 2_u64..99).prop_map(|(kind, count)| Members {
        kind,
        count,
        examples: vec!["a.example.org".into(), "b.example.org".into()],
    });
    let counts = (0_u64..1000, 0_u64..1000).prop_filter("something was seen", |(count, failed)| count + failed > 0);
    let times = (1_u64..100, time(), time());
    (counts, times, of(members)).prop_map(|((count, failed), (days, first, last), members)| Evidence {
        count,
        failed,
        days,
        first,
        last,
        members,
    })
}

fn period() -> impl Strategy<Value = Period> {
    (0..i64::MAX, 0..i64::MAX).prop_map(|(first, last)| Period { first: Timestamp(first), last: Timestamp(last) })
}

fn day() -> impl Strategy<Value = Day> {
    (1_u64..1000, 0_u64..1000, 1_u32..1 << 24).prop_map(|(flows, new, hours)| Day { flows, new, hours })
}

/// A comment as people write it.
fn note() -> impl Strategy<Value = String> {
    "[a-z][a-z ,.#]{0,20}[a-z]"
}

prop_compose! {
    fn entry()(
        action in select(Action::ALL.to_vec()),
        notes in prop::collection::vec(note().prop_map(|note| format!(" {note}")), 0..3),
        note in of(note()),
        evidence in of(evidence()),
    ) -> Entry {
        Entry { action, notes, note, evidence }
    }
}

prop_compose! {
    pub(crate) fn baseline()(
        notes in prop::collection::vec(note().prop_map(|note| format!(" {note}")), 0..3),
        hosts in prop::collection::btree_map("[a-z]{1,8}( [a-z]{1,3})?", of(period()), 0..3),
        days in prop::collection::btree_map(0_i64..40_000, day(), 0..5),
        gaps in prop::collection::vec((time(), time(), any::<u64>()), 0..3),
        entries in prop::collection::btree_map(rule(), entry(), 0..20),
    ) -> Baseline {
        let gaps = gaps.into_iter().map(|(from, to, lost)| Gap { from, to, lost }).collect();
        Baseline { notes, hosts, gaps, history: days.into_iter().collect(), entries }
    }
}

prop_compose! {
    pub(crate) fn facts()(
        executable in of(select(EXECUTABLES.to_vec())),
        file in of(select(vec![PRIVATE, MEMORY])),
        script in of(select(vec!["app.py", "-m http.server"])),
        user in of(select(vec!["alice", "1000"])),
        (unit, is_user_unit, container) in
            (of(select(vec!["nginx.service"])), any::<bool>(), of(select(vec!["web"]))),
        (image, pod, is_rootless) in
            (of(select(vec!["nginx:1.27", "app"])), of(select(vec!["shop/web"])), any::<bool>()),
        parent in of(select(EXECUTABLES.to_vec())),
        transport in of(select(vec!["tcp", "udp", "icmp"])),
        name in of(select(NAMES.to_vec())),
        address in of(address()),
        interface in of(interface()),
        port in of(0_u16..8),
    ) -> Facts<'static> {
        Facts {
            executable, file, script, user: user.map(Into::into), unit, is_user_unit,
            container, image, pod, is_rootless, parent, transport, name, address,
            interface: interface.filter(|_| address.is_some_and(is_link_local)),
            // A message of ICMP has none.
            port: port.filter(|_| transport != Some("icmp")),
            ..Facts::default()
        }
    }
}
