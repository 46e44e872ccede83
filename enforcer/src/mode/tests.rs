use std::time::Duration;

use egret_model::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Alarm, Counts, FallbackReason, Limits, Mode, Now, Pairs, Resumed, Situation};

const SECOND: i64 = 1_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);
const LIMITS: Limits = Limits { window: MINUTE, blocks: 10, unattributed_percent: 20, overflow: 5 };

fn at(second: i64) -> Timestamp {
    Timestamp(second * SECOND)
}

/// A moment at which both clocks say the same.
fn on_both(second: i64) -> Now {
    with_wall_clock(second, second)
}

fn with_wall_clock(boot: i64, wall: i64) -> Now {
    Now { calendar: at(wall), boot: Duration::from_secs(boot.try_into().unwrap()) }
}

fn observing() -> Situation {
    Situation::new(Mode::Observe, at(0))
}

#[test]
fn a_switch_that_nobody_confirms_ends_by_itself() {
    let mut situation = observing();
    situation.switch(Mode::Shadow, None, None, on_both(1));
    situation.switch(Mode::Enforce, None, Some(MINUTE), on_both(10));
    assert_eq!(situation.expire(on_both(69)), None);
    assert_eq!((situation.expire(on_both(70)), situation.mode), (Some(Mode::Enforce), Mode::Shadow));
    assert_eq!(situation.expire(on_both(1000)), None);
}

#[test]
fn a_trial_lasts_as_long_whichever_way_the_wall_clock_is_set() {
    for wall in [-3600, 3600] {
        let mut situation = observing();
        situation.switch(Mode::Enforce, None, Some(MINUTE), on_both(10));
        assert_eq!(situation.expire(with_wall_clock(69, wall)), None);
        let ends = situation.trial.as_ref().map(|trial| trial.ends_at(with_wall_clock(40, wall)));
        assert_eq!(ends, Some(at(wall + 30)));
        assert_eq!(situation.expire(with_wall_clock(70, wall)), Some(Mode::Enforce));
    }
}

#[test]
fn a_confirmed_switch_stays() {
    let mut situation = observing();
    situation.switch(Mode::Enforce, None, Some(MINUTE), on_both(10));
    situation.confirm().unwrap();
    assert_eq!((situation.expire(on_both(1000)), situation.mode), (None, Mode::Enforce));
    assert_eq!(situation.confirm().unwrap_err().0, Mode::Enforce);
}

#[test]
fn a_crash_within_the_trial_goes_back() {
    let mut situation = observing();
    situation.switch(Mode::Enforce, Some("exe=/usr/bin/curl".into()), Some(MINUTE), on_both(10));
    assert_eq!(situation.resume(at(12)), Resumed::Reverted { from: Mode::Enforce });
    assert_eq!((situation.mode, situation.only.clone()), (Mode::Observe, None));
    assert_eq!(situation.resume(at(13)), Resumed::AsBefore);
}

#[test]
fn trials_on_top_of_trials_go_back_to_what_was_confirmed() {
    let mut situation = observing();
    situation.switch(Mode::Shadow, None, Some(MINUTE), on_both(1));
    situation.switch(Mode::Enforce, None, Some(MINUTE), on_both(2));
    assert_eq!((situation.expire(on_both(62)), situation.mode), (Some(Mode::Enforce), Mode::Observe));
}

#[test]
fn going_back_by_hand_leaves_nothing_to_confirm() {
    let mut situation = observing();
    situation.switch(Mode::Enforce, None, Some(MINUTE), on_both(1));
    situation.switch(Mode::Observe, None, Some(MINUTE), on_both(2));
    assert_eq!((situation.trial.clone(), situation.mode), (None, Mode::Observe));
}

#[test]
fn falling_back_ends_the_trial_and_is_remembered() {
    let mut situation = observing();
    assert!(!situation.fall_back(FallbackReason::BlockSpike, at(0)));
    situation.switch(Mode::Enforce, None, Some(MINUTE), on_both(1));
    assert!(situation.fall_back(FallbackReason::BlockSpike, at(2)));
    assert_eq!((situation.mode, situation.expire(on_both(1000))), (Mode::Shadow, None));
    assert_eq!(situation.fallback.map(|fallback| fallback.reason), Some(FallbackReason::BlockSpike));
}

#[test]
fn what_is_kept_is_read_back() {
    let mut situation = observing();
    situation.switch(Mode::Enforce, Some("exe=/usr/bin/curl".into()), Some(MINUTE), on_both(1));
    let text = serde_json::to_string(&situation).unwrap();
    assert!(text.contains(r#""until":"1970-01-01T00:01:01Z""#), "{text}");
    // No trial goes on after a restart: when it ends is not kept.
    situation.trial.as_mut().unwrap().ends = Duration::ZERO;
    assert_eq!(serde_json::from_str::<Situation>(&text).unwrap(), situation);
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn each_limit_is_felt() {
    for (counts, reason) in [
        (Counts { blocks: 10, ..Counts::default() }, Some(FallbackReason::BlockSpike)),
        (Counts { blocks: 9, overflow: 4, judged: 1000, unattributed: 199 }, None),
        (Counts { overflow: 5, ..Counts::default() }, Some(FallbackReason::QueueOverflow)),
        (Counts { judged: 20, unattributed: 4, ..Counts::default() }, Some(FallbackReason::AttributionFailing)),
        (Counts { judged: 19, unattributed: 19, ..Counts::default() }, None),
    ] {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.look(seconds(1), Counts::default(), &LIMITS), None);
        assert_eq!(alarm.look(seconds(2), counts, &LIMITS), reason, "{counts:?}");
    }
}

#[test]
fn what_was_long_ago_does_not_count() {
    let mut alarm = Alarm::default();
    for second in 0..600 {
        // Nine a minute, forever.
        let counts = Counts { blocks: second * 9 / 60, ..Counts::default() };
        assert_eq!(alarm.look(seconds(second), counts, &LIMITS), None, "{second}");
    }
}

#[test]
fn one_program_that_tries_again_and_again_is_one() {
    let mut pairs = Pairs::default();
    (0..59).for_each(|second| pairs.note(("curl", "example.org"), seconds(second), MINUTE));
    assert_eq!(pairs.count(), 1);
    pairs.note(("curl", "example.net"), seconds(59), MINUTE);
    pairs.note(("curl", "example.org"), seconds(60), MINUTE);
    assert_eq!(pairs.count(), 3);
}

#[derive(Clone, Debug)]
enum Step {
    Switch(Mode, Option<Duration>),
    Confirm,
    Expire,
    Resume,
    FallBack,
}

fn step() -> impl Strategy<Value = Step> {
    let within = prop::option::of((1..100_u64).prop_map(Duration::from_secs));
    prop_oneof![
        4 => (select(Mode::ALL.to_vec()), within).prop_map(|(mode, within)| Step::Switch(mode, within)),
        1 => Just(Step::Confirm),
        2 => Just(Step::Expire),
        1 => Just(Step::Resume),
        1 => Just(Step::FallBack),
    ]
}

proptest! {
    /// Whatever happens: without a confirmation, a mode is entered for good only by a switch that asked for none.
    #[test]
    fn no_unconfirmed_mode_outlives_its_trial(steps in prop::collection::vec((step(), 1..50_i64), 1..40)) {
        let mut situation = observing();
        let mut settled = vec![Mode::Observe, Mode::Shadow];
        let mut now = 0;
        for (step, pause) in steps {
            now += pause;
            match step {
                Step::Switch(mode, within) => {
                    situation.switch(mode, None, within, on_both(now));
                    if within.is_none() {
                        settled.push(mode);
                    }
                }
                Step::Confirm => {
                    if situation.confirm().is_ok() {
                        settled.push(situation.mode);
                    }
                }
                Step::Expire => drop(situation.expire(on_both(now))),
                Step::Resume => drop(situation.resume(at(now))),
                Step::FallBack => drop(situation.fall_back(FallbackReason::BlockSpike, at(now))),
            }
        }
        situation.expire(on_both(now + 1000));
        prop_assert!(settled.contains(&situation.mode) && situation.trial.is_none());
    }
}
