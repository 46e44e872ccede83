//! Learning, generalising, and how much of it there is.

use egret_model::Timestamp;
use proptest::prelude::*;

use super::super::{
    Action, Baseline, Bounds, Counts, Decision, Facts, Gap, History, Index, Learned, Learner, Precision, Replay,
    Thresholds, counts, generalise, parse,
};
use super::strategy;

const DAY: i64 = 86_400_000_000_000;

fn learned(flows: &[(Facts<'_>, Timestamp)]) -> (Baseline, Vec<Learned>) {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    let what = flows.iter().map(|(facts, time)| learner.learn(facts, *time)).collect();
    (learner.into_baseline(), what)
}

fn allows(baseline: &Baseline, facts: &Facts<'_>) -> bool {
    matches!(Index::of(baseline).decide(facts), Decision::Allow(_))
}

proptest! {
    #[test]
    fn what_was_learned_is_allowed_and_nothing_is_learned_twice(flows in prop::collection::vec((strategy::facts(), strategy::time()), 0..60)) {
        let (baseline, what) = learned(&flows);
        for ((facts, _), what) in flows.iter().zip(&what) {
            prop_assert_eq!(allows(&baseline, facts), *what != Learned::Untold, "{:?}", facts);
        }
        let new = what.iter().filter(|what| **what == Learned::New).count();
        let (_, all) = counts(&baseline);
        prop_assert_eq!(baseline.entries.len(), new);
        let told = u64::try_from(what.iter().filter(|what| **what != Learned::Untold).count()).unwrap();
        prop_assert_eq!(all.flows, told);
        prop_assert_eq!(parse(&baseline.to_string()), Ok(baseline));
    }

    #[test]
    fn learning_alone_never_allows_what_was_not_seen(flows in prop::collection::vec((strategy::facts(), strategy::time()), 0..40), other in strategy::facts()) {
        let (baseline, _) = learned(&flows);
        // Only an interpreter has scripts, and it always has one.
        let same = |facts: &Facts<'_>| {
            (facts.executable, &facts.user, facts.transport, facts.port) == (other.executable, &other.user, other.transport, other.port)
                && (facts.script.is_none() || facts.script == other.script)
                && facts.name.map_or(facts.address == other.address, |name| other.name == Some(name))
        };
        let seen = flows.iter().any(|(facts, _)| same(facts));
        prop_assert!(seen || !allows(&baseline, &other));
    }

    #[test]
    fn generalising_takes_nothing_away(flows in prop::collection::vec((strategy::facts(), strategy::time()), 0..60), names in 1_usize..4, addresses in 1_usize..4, ports in 1_usize..4) {
        let (mut baseline, what) = learned(&flows);
        let (_, before) = counts(&baseline);
        generalise(&mut baseline, Thresholds { names, addresses, ports });
        for ((facts, _), what) in flows.iter().zip(&what) {
            prop_assert_eq!(allows(&baseline, facts), *what != Learned::Untold, "{:?} under\n{}", facts, baseline);
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
fn many_names_become_the_longest_suffix_that_covers_enough_of_them() {
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
fn a_public_suffix_is_never_a_rule() {
    for suffix in ["com", "co.uk", "s3.amazonaws.com", "github.io"] {
        let names: Vec<String> = (0..9).map(|number| format!("customer-{number}.{suffix}")).collect();
        let flows: Vec<_> = names.iter().map(|name| flow(Some(name), "192.0.2.7", 443)).collect();
        assert_eq!(generalised(&flows, FOUR).len(), 9, "{suffix}");
    }
}

#[test]
fn addresses_become_their_network_and_high_ports_all_high_ports() {
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
fn a_generalised_rule_says_what_it_stands_for_and_takes_in_more() {
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
fn a_wide_rule_alone_stays_as_it_is() {
    let seen = "seen 1 time on 1 day, 2026-11-20T08:00:01Z to 2026-11-20T08:00:01Z";
    let text =
        format!("format 1\nallow exe=/a -> tcp 192.0.2.0/24 *  # {seen}\nallow exe=/b -> tcp * 1024-65535  # {seen}\n");
    let mut baseline = parse(&text).unwrap();
    assert_eq!(generalise(&mut baseline, Thresholds { names: 1, addresses: 1, ports: 1 }), []);
    assert_eq!(parse(&text), Ok(baseline));
}

#[test]
fn what_somebody_wrote_is_not_generalised_and_what_is_denied_not_learned() {
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
fn novelty_is_the_share_of_what_was_seen_once() {
    let counts = Counts { flows: 10_000, rules: 120, once: 20 };
    assert_eq!(counts.novelty(), Some(0.002));
    let most = counts.novelty_at_most().unwrap();
    // (2 sqrt 2 + sqrt 3) sqrt(ln(3 / 0.05) / 10000) = 4.5605 * 0.020234
    assert!((most - 0.002 - 0.092_28).abs() < 1e-4, "{most}");
    assert_eq!(Counts::default().novelty_at_most(), None);
}

#[test]
fn history_knows_days_and_hours() {
    let mut history = History::default();
    for (learned, hours) in [(Learned::New, 1), (Learned::Known, 2), (Learned::New, 26), (Learned::Untold, 99)] {
        history.note(learned, Timestamp(hours * DAY / 24));
    }
    let days: Vec<_> = history.days().map(|(day, what)| (day, what.flows, what.new)).collect();
    assert_eq!(days, [(0, 2, 1), (1, 1, 1)]);
    assert_eq!(history.hours(), 0b110);
}

#[test]
fn replay_tells_who_would_have_been_blocked_and_since_when() {
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
fn what_is_frozen_gathers_evidence_and_nothing_else() {
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
fn what_was_counted_is_not_counted_again_but_what_was_frozen_out_is_learned() {
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
    let told = |learner: &mut Learner, facts: &Facts<'_>, second| learner.learn_again(facts, Timestamp(second)).0;
    assert_eq!(told(&mut again, &flows[0], 0), Learned::Known);
    assert_eq!(told(&mut again, &flows[1], 1), Learned::New);
    assert_eq!(told(&mut again, &flows[1], 2), Learned::Known);
    let seen: Vec<_> = again.baseline().entries.values().map(|entry| entry.evidence.as_ref().unwrap().count).collect();
    assert_eq!(seen, [2, 1]);
    let period = again.baseline().hosts["web1"].unwrap();
    assert_eq!((period.first, period.last), (Timestamp(0), Timestamp(2)));
}

#[test]
fn losses_close_to_each_other_are_one_gap_and_gaps_are_bounded() {
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

/// A scanner is one subject: it takes no more memory than the rules that it may have, and leaves room for the others.
#[test]
fn rules_are_bounded_in_all_and_for_each_subject() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.bound(Bounds { rules: 30, of_subject: 20 });
    let learn = |learner: &mut Learner, executable, third: u8| {
        let facts = Facts { executable: Some(executable), ..flow(None, &format!("192.{third}.2.7"), 443) };
        learner.learn(&facts, Timestamp(0))
    };
    for (executable, room) in [("/bin/scan", 20), ("/bin/other", 10)] {
        let learned: Vec<_> = (0..40).map(|third| learn(&mut learner, executable, third)).collect();
        assert_eq!(learned.iter().filter(|learned| **learned == Learned::New).count(), room);
        assert!(learned[room..].iter().all(|learned| *learned == Learned::Full));
        assert_eq!(learn(&mut learner, executable, 0), Learned::Known);
    }
}

#[test]
fn several_rules_that_became_one_leave_room() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.bound(Bounds { rules: 16, of_subject: 16 });
    let last =
        |learner: &mut Learner, host: u8| learner.learn(&flow(None, &format!("192.0.2.{host}"), 443), Timestamp(0));
    (0..16).for_each(|host| assert_eq!(last(&mut learner, host), Learned::New, "{host}"));
    assert_eq!(last(&mut learner, 16), Learned::Full);
    learner.generalise(Thresholds::default());
    assert_eq!(last(&mut learner, 16), Learned::Known);
    assert_eq!(learner.learn(&flow(None, "198.51.100.1", 443), Timestamp(0)), Learned::New);
}
