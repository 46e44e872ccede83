//! When the baseline grew.

use std::collections::VecDeque;

use egret_model::Event;

/// Changes between growing and frozen that are remembered. An event that began before the oldest of them is learned only if the
/// baseline grew before and after that change.
const CHANGES: usize = 16;

/// When the baseline grew, and when it was frozen, on the boot clock: the wall clock may be set back, and a flow that is blocked
/// now would seem to be older than the freeze.
#[derive(Debug)]
pub(super) struct Growth {
    /// Whether it grew before the first of `changes`.
    before: bool,
    /// The times of changes, in order, and whether it grows from then on.
    changes: VecDeque<(u64, bool)>,
}

impl Growth {
    pub(super) const fn new(grows: bool) -> Self {
        Self { before: grows, changes: VecDeque::new() }
    }

    /// Whether it grows now.
    pub(super) fn grows(&self) -> bool {
        self.changes.back().map_or(self.before, |(_, grows)| *grows)
    }

    pub(super) fn set(&mut self, grows: bool, now: u64) {
        if grows == self.grows() {
            return;
        }
        self.changes.push_back((now, grows));
        if self.changes.len() > CHANGES
            && let Some((_, grew)) = self.changes.pop_front()
        {
            self.before = self.before && grew;
        }
    }

    /// Whether it grew at a time. That decides whether an event of that time is learned, however late it arrives: a delay must
    /// neither lose a rule nor allow what was blocked. An unknown time counts only if the baseline always grew.
    pub(super) fn grew_at(&self, moment: Option<u64>) -> bool {
        let Some(moment) = moment else { return self.before && self.changes.iter().all(|(_, grows)| *grows) };
        self.changes.iter().rev().find(|(since, _)| *since <= moment).map_or(self.before, |(_, grows)| *grows)
    }
}

/// When a flow began on the boot clock, if that is known: a connect that failed was asked for as long ago as it took.
pub(super) fn began(event: &Event) -> Option<u64> {
    (event.boot_ns != 0).then(|| event.boot_ns.saturating_sub(event.connect_duration_ns.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use egret_model::sample;

    use super::*;

    #[test]
    fn event_that_began_while_frozen_is_not_learned_however_late_it_arrives() {
        let mut growth = Growth::new(false);
        assert!(!growth.grew_at(Some(1)) && !growth.grew_at(Some(5)), "frozen from the first event on");
        growth.set(true, 10);
        growth.set(true, 15);
        growth.set(false, 20);
        growth.set(true, 30);
        for (moment, grew) in [(1, false), (9, false), (10, true), (19, true), (20, false), (29, false), (30, true)] {
            assert_eq!(growth.grew_at(Some(moment)), grew, "{moment}");
        }
    }

    #[test]
    fn event_before_the_oldest_change_is_learned_only_if_the_baseline_always_grew() {
        let mut growth = Growth::new(true);
        assert!(growth.grew_at(None));
        for moment in 1..41 {
            growth.set(moment % 2 == 0, moment);
        }
        assert_eq!(growth.changes.len(), CHANGES);
        assert!(!growth.grew_at(Some(0)) && growth.grew_at(Some(40)) && !growth.grew_at(Some(39)));
        assert!(growth.grows() && !growth.grew_at(None), "when it began is unknown");
    }

    #[test]
    fn failed_connect_is_dated_by_its_beginning() {
        let event = Event { connect_duration_ns: Some(7), boot_ns: 10, ..sample::event() };
        assert_eq!(began(&event), Some(3));
        assert_eq!(began(&Event { boot_ns: 0, ..event }), None);
    }
}
