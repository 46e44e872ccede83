//! Learning, generalising, and how much of it there is.

use egret_model::{Interface, Timestamp};
use proptest::prelude::*;

use super::super::{
    Action, Baseline, Bounds, Counts, Facts, Gap, History, Index, Learned, Learner, Limit, MEMORY, MOST_TRIED, Outcome,
    PRIVATE, Precision, Replay, Rule, RuleMatch, Subject, Thresholds, counts, generalise, parse,
};
use super::strategy;

const DAY: i64 = 86_400_000_000_000;

fn learned(flows: &[(Facts<'_>, Timestamp)]) -> (Baseline, Vec<Learned>) {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    let what = flows.iter().map(|(facts, time)| learner.learn(facts, *time)).collect();
    (learner.into_baseline(), what)
}

fn allows(baseline: &Baseline, facts: &Facts<'_>) -> bool {
    matches!(Index::of(baseline).match_rule(facts), RuleMatch::Allow(_))
}

proptest! {
    #[test]
    fn learned_flows_are_allowed_and_learned_once(flows in prop::collection::vec((strategy::facts(), strategy::time()), 0..60)) {
        let (baseline, what) = learned(&flows);
        for ((facts, _), what) in flows.iter().zip(&what) {
            prop_assert_eq!(allows(&baseline, facts), *what != Learned::Unknown, "{:?}", facts);
        }
        let new = what.iter().filter(|what| **what == Learned::New).count();
        let (_, all) = counts(&baseline);
        prop_assert_eq!(baseline.entries.len(), new);
        let learned_flows = u64::try_from(what.iter().filter(|what| **what != Learned::Unknown).count()).unwrap();
        prop_assert_eq!(all.flows, learned_flows);
        prop_assert_eq!(parse(&baseline.to_string()), Ok(baseline));
    }

    #[test]
    fn learning_without_generalising_allows_only_observed_flows(flows in prop::collection::vec((strategy::facts(), strategy::time()), 0..40), other in strategy::facts()) {
        let (baseline, _) = learned(&flows);
        // Only an interpreter has scripts, and it always has one.
        let same = |facts: &Facts<'_>| {
            (facts.executable, facts.file, &facts.user, facts.transport, facts.port) == (other.executable, other.file, &other.user, other.transport, other.port)
                && (facts.script.is_none() || facts.script == other.script)
                && facts.name.map_or((facts.address, facts.interface) == (other.address, other.interface), |name| other.name == Some(name))
        };
        let seen = flows.iter().any(|(facts, _)| same(facts));
        prop_assert!(seen || !allows(&baseline, &other));
    }

    #[test]
    fn generalising_removes_no_permission(flows in prop::collection::vec((strategy::facts(), strategy::time()), 0..60), names in 1_usize..4, addresses in 1_usize..4, ports in 1_usize..4) {
        let (mut baseline, what) = learned(&flows);
        let (_, before) = counts(&baseline);
        generalise(&mut baseline, Thresholds { names, addresses, ports });
        for ((facts, _), what) in flows.iter().zip(&what) {
            prop_assert_eq!(allows(&baseline, facts), *what != Learned::Unknown, "{:?} under\n{}", facts, baseline);
        }
        let (_, after) = counts(&baseline);
        prop_assert_eq!(after.flows, before.flows);
        prop_assert_eq!(parse(&baseline.to_string()), Ok(baseline.clone()));
        // A second time there is nothing left to do.
        let once = baseline.clone();
        prop_assert_eq!(generalise(&mut baseline, Thresholds { names, addresses, ports }), []);
        prop_assert_eq!(baseline, once);
    }
}

fn flow<'a>(name: Option<&'a str>, address: &str, port: u16) -> Facts<'a> {
    Facts {
        executable: Some("/usr/bin/curl"),
        user: Some("alice".into()),
        transport: Some("tcp"),
        name,
        address: address.parse().ok(),
        port: Some(port),
        ..Facts::default()
    }
}

fn generalised(flows: &[Facts<'_>], thresholds: Thresholds) -> Vec<String> {
    let flows: Vec<_> = flows.iter().map(|facts| (facts.clone(), Timestamp(0))).collect();
    let (mut baseline, _) = learned(&flows);
    generalise(&mut baseline, thresholds);
    baseline.entries.keys().map(|rule| rule.destination.to_string()).collect()
}

const FOUR: Thresholds = Thresholds { names: 4, addresses: 4, ports: 4 };

#[test]
fn many_names_become_their_longest_common_suffix() {
    let names = [
        "a.eu.example.org",
        "b.eu.example.org",
        "c.eu.example.org",
        "d.eu.example.org",
        "example.org",
        "x.example.org",
    ];
    let flows: Vec<_> = names.iter().map(|name| flow(Some(name), "192.0.2.7", 443)).collect();
    assert_eq!(generalised(&flows, FOUR), ["tcp example.org 443", "tcp x.example.org 443", "tcp *.eu.example.org 443"]);
    assert_eq!(generalised(&flows[..3], FOUR).len(), 3, "too few");
}

#[test]
fn public_suffix_does_not_become_a_rule() {
    for suffix in ["com", "co.uk", "s3.amazonaws.com", "github.io"] {
        let names: Vec<String> = (0..9).map(|number| format!("customer-{number}.{suffix}")).collect();
        let flows: Vec<_> = names.iter().map(|name| flow(Some(name), "192.0.2.7", 443)).collect();
        assert_eq!(generalised(&flows, FOUR).len(), 9, "{suffix}");
    }
}

#[test]
fn many_addresses_become_their_network_and_high_ports_a_range() {
    let addresses: Vec<String> = (1..5).map(|last| format!("192.0.2.{last}")).collect();
    let flows: Vec<_> = addresses.iter().map(|address| flow(None, address, 443)).collect();
    assert_eq!(generalised(&flows, FOUR), ["tcp 192.0.2.0/24 443"]);
    let flows: Vec<_> =
        [20, 21, 22, 23, 40_001, 40_002, 50_003, 60_004].map(|port| flow(None, "192.0.2.1", port)).into();
    let rules =
        ["tcp 192.0.2.1 20", "tcp 192.0.2.1 21", "tcp 192.0.2.1 22", "tcp 192.0.2.1 23", "tcp 192.0.2.1 1024-65535"];
    assert_eq!(generalised(&flows, FOUR), rules);
}

#[test]
fn generalised_rule_names_its_origin_and_absorbs_later_rules() {
    let names: Vec<String> = (0..6).map(|number| format!("n{number}.example.org")).collect();
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    for (day, name) in (0..).zip(&names[..4]) {
        learner.learn(&flow(Some(name), "192.0.2.7", 443), Timestamp(day * DAY));
    }
    let mut baseline = learner.into_baseline();
    let made = generalise(&mut baseline, FOUR);
    let entry = &baseline.entries[&made[0]];
    let remark = "seen 4 times on 1 day, 1970-01-01T00:00:00Z to 1970-01-04T00:00:00Z, for 4 names: n0.example.org n1.example.org n2.example.org";
    assert_eq!(entry.evidence.as_ref().map(ToString::to_string).as_deref(), Some(remark));
    let mut learner = Learner::new(baseline, Precision::default());
    assert_eq!(learner.learn(&flow(Some(&names[5]), "192.0.2.7", 443), Timestamp(5 * DAY)), Learned::Known);
    assert_eq!(learner.learn(&flow(Some(&names[5]), "192.0.2.7", 80), Timestamp(5 * DAY)), Learned::New);
}

#[test]
fn single_wide_rule_is_not_generalised() {
    let seen = "seen 1 time on 1 day, 2026-11-20T08:00:01Z to 2026-11-20T08:00:01Z";
    let text =
        format!("format 1\nallow exe=/a -> tcp 192.0.2.0/24 *  # {seen}\nallow exe=/b -> tcp * 1024-65535  # {seen}\n");
    let mut baseline = parse(&text).unwrap();
    assert_eq!(generalise(&mut baseline, Thresholds { names: 1, addresses: 1, ports: 1 }), []);
    assert_eq!(parse(&text), Ok(baseline));
}

#[test]
fn written_rules_are_not_generalised_and_denied_flows_not_learned() {
    let text = "format 1\n# Mine.\nallow exe=/usr/bin/curl user=alice -> tcp a.example.org 443  # seen 1 time on 1 day, 2026-11-20T08:00:01Z to 2026-11-20T08:00:01Z\ndeny exe=/usr/bin/curl user=alice -> tcp bad.example.org 443\n";
    let mut learner = Learner::new(parse(text).unwrap(), Precision::default());
    assert_eq!(learner.learn(&flow(Some("bad.example.org"), "192.0.2.7", 443), Timestamp(0)), Learned::Denied);
    for name in ["b.example.org", "c.example.org", "d.example.org", "e.example.org"] {
        learner.learn(&flow(Some(name), "192.0.2.7", 443), Timestamp(0));
    }
    let mut baseline = learner.into_baseline();
    generalise(&mut baseline, FOUR);
    let rules: Vec<_> =
        baseline.entries.iter().map(|(rule, entry)| (rule.destination.host.to_string(), entry.action)).collect();
    let expected =
        [("a.example.org", Action::Allow), ("bad.example.org", Action::Deny), ("*.example.org", Action::Allow)];
    assert_eq!(rules, expected.map(|(host, action)| (host.to_owned(), action)));
}

#[test]
fn novelty_is_the_share_of_rules_seen_once() {
    let counts = Counts { flows: 10_000, rules: 120, once: 20 };
    assert_eq!(counts.novelty(), Some(0.002));
    let most = counts.novelty_at_most().unwrap();
    // (2 sqrt 2 + sqrt 3) sqrt(ln(3 / 0.05) / 10000) = 4.5605 * 0.020234
    assert!((most - 0.002 - 0.092_28).abs() < 1e-4, "{most}");
    assert_eq!(Counts::default().novelty_at_most(), None);
}

#[test]
fn history_records_days_and_hours() {
    let mut history = History::default();
    for (learned, hours) in [(Learned::New, 1), (Learned::Known, 2), (Learned::New, 26), (Learned::Unknown, 99)] {
        history.note(learned, Timestamp(hours * DAY / 24));
    }
    let days: Vec<_> = history.days().map(|(day, what)| (day, what.flows, what.new)).collect();
    assert_eq!(days, [(0, 2, 1), (1, 1, 1)]);
    assert_eq!(history.hours(), 0b110);
}

#[test]
fn replay_lists_flows_that_would_be_blocked_with_their_first_time() {
    let (baseline, _) = learned(&[(flow(Some("example.org"), "192.0.2.7", 443), Timestamp(0))]);
    let index = Index::of(&baseline);
    let mut replay = Replay::new(&index, Precision::default());
    let stranger = Facts { executable: None, ..flow(Some("example.org"), "192.0.2.7", 443) };
    for (second, facts) in (0..).zip([
        flow(Some("example.org"), "192.0.2.8", 443),
        flow(None, "192.0.2.9", 25),
        flow(None, "192.0.2.9", 25),
        stranger,
    ]) {
        replay.put(&facts, Timestamp(second * 1_000_000_000));
    }
    assert_eq!((replay.flows, replay.allowed, replay.unattributed), (4, 1, 1));
    let blocked: Vec<_> =
        replay.blocked().map(|(what, seen)| (what.rule.to_string(), seen.count, seen.first.0)).collect();
    assert_eq!(
        blocked,
        [
            ("user=alice -> tcp example.org 443".to_owned(), 1, 3_000_000_000),
            ("exe=/usr/bin/curl user=alice -> tcp 192.0.2.9 25".to_owned(), 2, 1_000_000_000)
        ]
    );
}

#[test]
fn frozen_baseline_updates_evidence_only() {
    let (baseline, _) = learned(&[(flow(Some("example.org"), "192.0.2.7", 443), Timestamp(0))]);
    let mut learner = Learner::new(baseline, Precision::default());
    learner.freeze(true);
    assert_eq!(learner.learn(&flow(Some("example.org"), "192.0.2.7", 443), Timestamp(DAY)), Learned::Known);
    assert_eq!(learner.learn(&flow(Some("example.com"), "192.0.2.7", 443), Timestamp(DAY)), Learned::Frozen);
    assert_eq!(learner.generalise(Thresholds { names: 1, addresses: 1, ports: 1 }), []);
    let (_, all) = counts(learner.baseline());
    assert_eq!((all.flows, all.rules, learner.baseline().history.days().len()), (2, 1, 2));
    learner.freeze(false);
    assert_eq!(learner.learn(&flow(Some("example.com"), "192.0.2.7", 443), Timestamp(DAY)), Learned::New);
}

#[test]
fn relearning_counts_no_flow_twice_and_adds_flows_that_were_frozen_out() {
    let flows = ["example.org", "example.com"].map(|name| flow(Some(name), "192.0.2.7", 443));
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.set_host("web1");
    learner.learn(&flows[0], Timestamp(0));
    learner.freeze(true);
    for second in 1..4 {
        learner.learn(&flows[1], Timestamp(second));
    }
    let mut again = Learner::new(learner.into_baseline(), Precision::default());
    again.set_host("web1");
    let learned = |learner: &mut Learner, facts: &Facts<'_>, second| learner.learn_again(facts, Timestamp(second)).0;
    assert_eq!(learned(&mut again, &flows[0], 0), Learned::Known);
    assert_eq!(learned(&mut again, &flows[1], 1), Learned::New);
    assert_eq!(learned(&mut again, &flows[1], 2), Learned::Known);
    let seen: Vec<_> = again.baseline().entries.values().map(|entry| entry.evidence.as_ref().unwrap().count).collect();
    assert_eq!(seen, [2, 1]);
    let period = again.baseline().hosts["web1"].unwrap();
    assert_eq!((period.first, period.last), (Timestamp(0), Timestamp(2)));
}

#[test]
fn adjacent_losses_are_one_gap_and_gaps_are_bounded() {
    let mut baseline = Baseline::default();
    let second = |second: i64| Timestamp(second * 1_000_000_000);
    for begin in [0, 30, 500] {
        baseline.lose(Gap { from: Timestamp(second(begin).0 + 5), to: Timestamp(second(begin).0 + 6), lost: 10 });
    }
    let gap = |from, to, lost| Gap { from: second(from), to: second(to), lost };
    assert_eq!(baseline.gaps, [gap(0, 31, 20), gap(500, 501, 10)]);
    (1..2000).for_each(|number| baseline.lose(gap(1000 * number, 1000 * number + 1, 1)));
    assert_eq!(baseline.gaps.len(), 1000);
    assert_eq!(baseline.gaps.iter().map(|gap| gap.lost).sum::<u64>(), 30 + 1999);
    assert_eq!((baseline.gaps[0].from, baseline.gaps[0].to), (second(0), second(1_000_001)));
    assert_eq!(parse(&baseline.to_string()), Ok(baseline));
}

#[test]
fn file_in_memory_is_learned_only_with_its_digest() {
    let nameless =
        Facts { executable: Some("/memfd:x"), file: Some(MEMORY), ..flow(Some("example.org"), "192.0.2.7", 443) };
    let known = Facts { sha256: Some("0f"), ..nameless.clone() };
    let (baseline, what) = learned(&[(nameless.clone(), Timestamp(0)), (known.clone(), Timestamp(0))]);
    assert_eq!(what, [Learned::Unknown, Learned::New]);
    assert!(allows(&baseline, &known));
    assert!(!allows(&baseline, &Facts { sha256: Some("1f"), ..known }));
    assert!(!allows(&baseline, &nameless));
}

#[test]
fn next_revision_of_a_program_adds_no_rule() {
    let at = |path| Facts { executable: Some(path), ..flow(Some("example.org"), "192.0.2.7", 443) };
    let (baseline, what) =
        learned(&[(at("/snap/app/12/bin/x"), Timestamp(0)), (at("/snap/app/13/bin/x"), Timestamp(0))]);
    assert_eq!(what, [Learned::New, Learned::Known]);
    assert!(!allows(&baseline, &at("/snap/app/13/bin/y")));
    assert!(!allows(&baseline, &Facts { file: Some(PRIVATE), ..at("/snap/app/13/bin/x") }));
    // What was learned before gets its pattern later.
    let exact = Precision { patterns: false, ..Precision::default() };
    let mut learner = Learner::new(Baseline::default(), exact);
    for path in ["/snap/app/12/bin/x", "/snap/app/13/bin/x"] {
        assert_eq!(learner.learn(&at(path), Timestamp(0)), Learned::New);
    }
    assert_eq!(learner.generalise(FOUR).len(), 1);
    assert_eq!(learner.baseline().entries.keys().collect::<Vec<_>>(), baseline.entries.keys().collect::<Vec<_>>());
    assert_eq!(counts(learner.baseline()).1.flows, 2);
}

/// A scanner is one subject: it takes no more memory than the rules that it may have, and leaves room for the others.
#[test]
fn rules_are_bounded_in_total_and_by_subject() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.bound(Bounds { rules: 30, of_subject: 20, ..Bounds::default() });
    let learn = |learner: &mut Learner, executable, third: u8| {
        let facts = Facts { executable: Some(executable), ..flow(None, &format!("192.{third}.2.7"), 443) };
        learner.learn(&facts, Timestamp(0))
    };
    for (executable, room, limit) in [("/bin/scan", 20, Limit::RulesOfSubject), ("/bin/other", 10, Limit::Rules)] {
        let learned: Vec<_> = (0..40).map(|third| learn(&mut learner, executable, third)).collect();
        assert_eq!(learned.iter().filter(|learned| **learned == Learned::New).count(), room);
        assert!(learned[room..].iter().all(|learned| *learned == Learned::Full(limit)));
        assert_eq!(learn(&mut learner, executable, 0), Learned::Known);
    }
}

/// A user can make as many programs as he likes, and a system as many users without a name.
#[test]
fn rules_of_one_user_leave_capacity_for_others() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.bound(Bounds { rules: 40, of_subject: 5, of_user: 10 });
    let learn = |learner: &mut Learner, user: &str, program: u8, outcome| {
        let executable = format!("/tmp/{program}");
        let facts = Facts {
            executable: Some(&executable),
            user: Some(user.into()),
            outcome,
            ..flow(None, &format!("192.{program}.2.7"), 443)
        };
        learner.learn(&facts, Timestamp(0))
    };
    let room = |learner: &mut Learner, user: &str, room: usize, limit| {
        let learned: Vec<_> = (0..60).map(|program| learn(learner, user, program, Outcome::Opened)).collect();
        assert_eq!(learned.iter().filter(|learned| **learned == Learned::New).count(), room, "{user}");
        assert!(learned[room..].iter().all(|learned| *learned == Learned::Full(limit)), "{user}");
    };
    room(&mut learner, "alice", 10, Limit::RulesOfUser);
    room(&mut learner, "100000", 10, Limit::RulesOfUser);
    room(&mut learner, "100001", 0, Limit::RulesOfUser);
    // The same after the file was read again.
    let mut learner = Learner::new(learner.into_baseline(), Precision::default());
    learner.bound(Bounds { rules: 40, of_subject: 5, of_user: 10 });
    room(&mut learner, "100002", 0, Limit::RulesOfUser);
    room(&mut learner, "root", 20, Limit::Rules);
}

#[test]
fn tried_rules_of_one_user_leave_capacity_for_others() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    let mut fail = |user: &str, number: u32| {
        let address = std::net::Ipv4Addr::from(0x0b00_0000 + number).to_string();
        let facts = Facts { user: Some(user.into()), outcome: Outcome::Failed, ..flow(None, &address, 443) };
        assert_eq!(learner.learn(&facts, Timestamp(0)), Learned::Failed);
        learner.baseline().entries.len()
    };
    let most = u32::try_from(MOST_TRIED).unwrap();
    assert_eq!((0..most).map(|number| fail("alice", number)).last(), Some(MOST_TRIED / 2));
    assert_eq!(fail("bob", 0), MOST_TRIED / 2 + 1);
}

/// What was tried allows nothing, and has a bound of its own; the same after the file was read again.
#[test]
fn failed_flows_use_no_capacity_of_successful_ones() {
    let bounds = Bounds { rules: 4, of_subject: 2, ..Bounds::default() };
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.bound(bounds);
    let learn = |learner: &mut Learner, outcome, host: u8| {
        learner.learn(&Facts { outcome, ..flow(None, &format!("192.0.2.{host}"), 443) }, Timestamp(0))
    };
    for host in 0..9 {
        assert_eq!(learn(&mut learner, Outcome::Failed, host), Learned::Failed);
    }
    let mut learner = Learner::new(learner.into_baseline(), Precision::default());
    learner.bound(bounds);
    const FULL: Learned = Learned::Full(Limit::RulesOfSubject);
    for (host, learned) in [(0, Learned::New), (20, Learned::New), (21, FULL), (20, Learned::Known)] {
        assert_eq!(learn(&mut learner, Outcome::Opened, host), learned, "{host}");
    }
    let with = |action| learner.baseline().entries.values().filter(|entry| entry.action == action).count();
    assert_eq!((with(Action::Tried), with(Action::Allow)), (3, 2));
}

#[test]
fn generalising_frees_capacity() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.bound(Bounds { rules: 16, of_subject: 16, ..Bounds::default() });
    let last =
        |learner: &mut Learner, host: u8| learner.learn(&flow(None, &format!("192.0.2.{host}"), 443), Timestamp(0));
    (0..16).for_each(|host| assert_eq!(last(&mut learner, host), Learned::New, "{host}"));
    assert_eq!(last(&mut learner, 16), Learned::Full(Limit::Rules));
    learner.generalise(Thresholds::default());
    assert_eq!(last(&mut learner, 16), Learned::Known);
    assert_eq!(learner.learn(&flow(None, "198.51.100.1", 443), Timestamp(0)), Learned::New);
}

#[test]
fn container_is_learned_by_image_or_pod_once_known() {
    let contained = Facts { file: Some(PRIVATE), container: Some("c1"), ..flow(Some("example.org"), "192.0.2.7", 443) };
    let unknown = Facts { is_container_unknown: true, ..contained.clone() };
    let nginx = Facts { image: Some("nginx:1.27"), ..contained.clone() };
    let restarted = Facts { container: Some("c2"), ..nginx.clone() };
    let pod = Facts { pod: Some("shop/web"), ..nginx.clone() };
    let (baseline, what) =
        learned(&[unknown, nginx.clone(), restarted, pod.clone()].map(|facts| (facts, Timestamp(0))));
    assert_eq!(what, [Learned::Unknown, Learned::New, Learned::Known, Learned::Known]);
    let subject = |baseline: &Baseline| baseline.entries.keys().next().unwrap().subject.to_string();
    assert!(subject(&baseline).contains("image=nginx:1.27") && !subject(&baseline).contains("container="));
    assert!(!allows(&baseline, &Facts { image: Some("other"), ..nginx }));
    let (baseline, _) = learned(&[(pod, Timestamp(0))]);
    assert!(subject(&baseline).contains("pod=shop/web") && !subject(&baseline).contains("image="));
}

#[test]
fn rootless_image_is_learned_only_with_its_user() {
    let forged = Facts { image: Some("nginx"), is_rootless: true, ..flow(Some("example.org"), "192.0.2.7", 443) };
    assert_eq!(Rule::of(&forged, Precision::default()).subject.image, Some("nginx".into()));
    let any_user = Precision { user: false, ..Precision::default() };
    assert_eq!(Rule::of(&forged, any_user).subject.image, None);
}

#[test]
fn unit_or_pod_named_by_a_user_is_learned_only_with_that_user() {
    let forged = Facts {
        unit: Some("nginx.service"),
        pod: Some("shop/web"),
        is_user_unit: true,
        is_rootless: true,
        ..flow(Some("example.org"), "192.0.2.7", 443)
    };
    let subject = |facts: &Facts<'_>, user| Rule::of(facts, Precision { user, ..Precision::default() }).subject;
    let named = |subject: Subject| (subject.unit.is_some(), subject.pod.is_some());
    assert_eq!(named(subject(&forged, true)), (true, true));
    assert_eq!(named(subject(&forged, false)), (false, false));
    assert_eq!(named(subject(&Facts { user: None, ..forged.clone() }, true)), (false, false));
    let system = Facts { is_user_unit: false, is_rootless: false, ..forged };
    assert_eq!(named(subject(&system, false)), (true, true));
}

#[test]
fn link_local_peer_is_learned_with_its_interface() {
    let behind = |interface| Facts { interface: Interface::from_name(interface), ..flow(None, "fe80::1", 443) };
    let flows = [
        (behind("eth0"), Timestamp(DAY)),
        (behind("eth1"), Timestamp(DAY)),
        (flow(None, "fe80::1", 443), Timestamp(DAY)),
    ];
    let (baseline, what) = learned(&flows[..1]);
    assert_eq!(what, [Learned::New]);
    assert!(baseline.to_string().contains(" -> tcp fe80::1%eth0 443"), "{baseline}");
    assert!(allows(&baseline, &behind("eth0")));
    assert!(!allows(&baseline, &behind("eth1")) && !allows(&baseline, &flow(None, "fe80::1", 443)));
    let (_, what) = learned(&flows);
    assert_eq!(what, [Learned::New; 3], "the interface of the last is not known");
    // With a name, that is what is learned.
    let (baseline, _) = learned(&[(Facts { name: Some("printer.local"), ..behind("eth0") }, Timestamp(DAY))]);
    assert!(baseline.to_string().contains(" -> tcp printer.local 443"), "{baseline}");
}
