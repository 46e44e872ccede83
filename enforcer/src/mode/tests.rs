use std::time::Duration;

use egret_model::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use super::{
    Counts, FallbackMonitor, FallbackReason, Limits, Mode, ModeState, Now, Observed, Pairs, Resumed, Transition,
};

const SECOND: i64 = 1_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);
const LIMITS: Limits = Limits { window: MINUTE, blocks: 10, unattributed_percent: 20, overflow: 5 };

fn at(second: i64) -> Timestamp {
    Timestamp(second * SECOND)
}

/// A time at which both clocks agree.
fn on_both(second: i64) -> Now {
    with_wall_clock(second, second)
}

fn with_wall_clock(boot: i64, wall: i64) -> Now {
    Now { calendar: at(wall), boot: Duration::from_secs(boot.try_into().unwrap()) }
}

fn observing() -> ModeState {
    ModeState::new(Mode::Observe, at(0))
}

#[test]
fn switch_that_nobody_confirms_is_reverted() {
    let mut state = observing();
    state.switch(Mode::Shadow, None, None, on_both(1));
    state.switch(Mode::Enforce, None, Some(MINUTE), on_both(10));
    assert_eq!(state.expire(on_both(69)), None);
    assert_eq!((state.expire(on_both(70)), state.mode), (Some(Mode::Enforce), Mode::Shadow));
    assert_eq!(state.expire(on_both(1000)), None);
}

#[test]
fn revert_does_not_depend_on_the_wall_clock() {
    for wall in [-3600, 3600] {
        let mut state = observing();
        state.switch(Mode::Enforce, None, Some(MINUTE), on_both(10));
        assert_eq!(state.expire(with_wall_clock(69, wall)), None);
        let ends = state.pending.as_ref().map(|pending| pending.ends_at(with_wall_clock(40, wall)));
        assert_eq!(ends, Some(at(wall + 30)));
        assert_eq!(state.expire(with_wall_clock(70, wall)), Some(Mode::Enforce));
    }
}

#[test]
fn confirmed_switch_stays() {
    let mut state = observing();
    state.switch(Mode::Enforce, None, Some(MINUTE), on_both(10));
    state.confirm().unwrap();
    assert_eq!((state.expire(on_both(1000)), state.mode), (None, Mode::Enforce));
    assert_eq!(state.confirm().unwrap_err().0, Mode::Enforce);
}

#[test]
fn crash_before_the_confirmation_reverts() {
    let mut state = observing();
    state.switch(Mode::Enforce, Some("exe=/usr/bin/curl".into()), Some(MINUTE), on_both(10));
    assert_eq!(state.resume(at(12)), Resumed::Reverted { from: Mode::Enforce });
    assert_eq!((state.mode, state.only.clone()), (Mode::Observe, None));
    assert_eq!(state.resume(at(13)), Resumed::AsBefore);
}

#[test]
fn unconfirmed_switches_revert_to_the_last_confirmed_mode() {
    let mut state = observing();
    state.switch(Mode::Shadow, None, Some(MINUTE), on_both(1));
    state.switch(Mode::Enforce, None, Some(MINUTE), on_both(2));
    assert_eq!((state.expire(on_both(62)), state.mode), (Some(Mode::Enforce), Mode::Observe));
}

#[test]
fn switching_back_leaves_nothing_to_confirm() {
    let mut state = observing();
    state.switch(Mode::Enforce, None, Some(MINUTE), on_both(1));
    state.switch(Mode::Observe, None, Some(MINUTE), on_both(2));
    assert_eq!((state.pending.clone(), state.mode), (None, Mode::Observe));
}

#[test]
fn fallback_ends_the_pending_confirmation_and_is_remembered() {
    let mut state = observing();
    assert!(!state.fall_back(FallbackReason::BlockSpike, at(0)));
    state.switch(Mode::Enforce, None, Some(MINUTE), on_both(1));
    assert!(state.fall_back(FallbackReason::BlockSpike, at(2)));
    assert_eq!((state.mode, state.expire(on_both(1000))), (Mode::Shadow, None));
    assert_eq!(state.fallback.map(|fallback| fallback.reason), Some(FallbackReason::BlockSpike));
}

#[test]
fn full_conntrack_table_ends_every_mode_that_evaluates() {
    let mut state = observing();
    assert!(!state.stop_evaluating(FallbackReason::ConnectionsFull, on_both(0)));
    for (mode, learns) in [(Mode::Learn, true), (Mode::Shadow, false), (Mode::Enforce, false)] {
        state.switch(mode, None, Some(MINUTE), on_both(1));
        assert!(state.stop_evaluating(FallbackReason::ConnectionsFull, on_both(2)));
        assert_eq!((state.mode, state.learns()), (Mode::Observe, learns), "{mode:?}");
        assert_eq!(state.fallback.map(|fallback| fallback.reason), Some(FallbackReason::ConnectionsFull));
        assert_eq!((state.expire(on_both(1000)), state.mode), (None, Mode::Observe));
    }
}

#[test]
fn mode_state_is_read_back() {
    let mut state = observing();
    state.switch(Mode::Enforce, Some("exe=/usr/bin/curl".into()), Some(MINUTE), on_both(1));
    let text = serde_json::to_string(&state).unwrap();
    assert!(text.contains(r#""until":"1970-01-01T00:01:01Z""#), "{text}");
    // The time of the revert is not written: a restart reverts at once.
    state.pending.as_mut().unwrap().ends = Duration::ZERO;
    assert_eq!(serde_json::from_str::<ModeState>(&text).unwrap(), state);
}

#[test]
fn tick_reverts_before_it_falls_back_and_never_strengthens_the_mode() {
    let hurting = Observed {
        fallback: Some(FallbackReason::BlockSpike),
        conntrack_full: true,
        may_fall_back: true,
        fails_closed: true,
    };
    let mut state = observing();
    assert_eq!(state.tick(&hurting, on_both(1)), [], "nothing is evaluated");
    state.switch(Mode::Enforce, None, Some(MINUTE), on_both(10));
    assert_eq!(state.tick(&Observed::default(), on_both(69)), []);
    assert_eq!(state.tick(&hurting, on_both(70)), [Transition::Reverted { from: Mode::Enforce }]);
    state.switch(Mode::Enforce, None, None, on_both(80));
    let closed = Observed { fallback: None, ..hurting };
    assert_eq!(state.tick(&closed, on_both(81)), [], "whoever can fill the table could end enforce");
    assert_eq!(state.tick(&Observed { may_fall_back: false, fails_closed: false, ..closed }, on_both(81)), []);
    let full = FallbackReason::ConnectionsFull;
    let both = [Transition::FellBack(FallbackReason::BlockSpike), Transition::StoppedEvaluating(full)];
    assert_eq!(state.tick(&hurting, on_both(82)), both);
    assert_eq!(state.mode, Mode::Observe);
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn each_limit_is_a_reason_to_fall_back() {
    for (counts, reason) in [
        (Counts { blocks: 10, ..Counts::default() }, Some(FallbackReason::BlockSpike)),
        (Counts { blocks: 9, overflow: 4, evaluated: 1000, unattributed: 199 }, None),
        (Counts { overflow: 5, ..Counts::default() }, Some(FallbackReason::QueueOverflow)),
        (Counts { evaluated: 20, unattributed: 4, ..Counts::default() }, Some(FallbackReason::AttributionFailing)),
        (Counts { evaluated: 19, unattributed: 19, ..Counts::default() }, None),
    ] {
        let mut monitor = FallbackMonitor::default();
        assert_eq!(monitor.check(seconds(1), Counts::default(), &LIMITS), None);
        assert_eq!(monitor.check(seconds(2), counts, &LIMITS), reason, "{counts:?}");
    }
}

#[test]
fn counts_outside_the_window_do_not_count() {
    let mut monitor = FallbackMonitor::default();
    for second in 0..600 {
        // Nine a minute, forever.
        let counts = Counts { blocks: second * 9 / 60, ..Counts::default() };
        assert_eq!(monitor.check(seconds(second), counts, &LIMITS), None, "{second}");
    }
}

#[test]
fn repeated_attempts_of_one_program_count_once() {
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
    /// Whatever happens: a mode stays only if it was confirmed, or if the switch asked for no confirmation.
    #[test]
    fn no_unconfirmed_mode_stays(steps in prop::collection::vec((step(), 1..50_i64), 1..40)) {
        let mut state = observing();
        let mut settled = vec![Mode::Observe, Mode::Shadow];
        let mut now = 0;
        for (step, pause) in steps {
            now += pause;
            match step {
                Step::Switch(mode, within) => {
                    state.switch(mode, None, within, on_both(now));
                    if within.is_none() {
                        settled.push(mode);
                    }
                }
                Step::Confirm => {
                    if state.confirm().is_ok() {
                        settled.push(state.mode);
                    }
                }
                Step::Expire => drop(state.expire(on_both(now))),
                Step::Resume => drop(state.resume(at(now))),
                Step::FallBack => drop(state.fall_back(FallbackReason::BlockSpike, at(now))),
            }
        }
        state.expire(on_both(now + 1000));
        prop_assert!(settled.contains(&state.mode) && state.pending.is_none());
    }
}
