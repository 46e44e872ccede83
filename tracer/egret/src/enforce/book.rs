//! The baseline of this host: learned by one thread, judged by by others, edited by people.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egret_enforcer::baseline::{
    Action, Baseline, Counts, Facts, Gap, Index, Learned, Precision, Thresholds, Value, counts,
};
use egret_enforcer::judge::Scope;
use egret_exporters::snapshot::{BaselineState, ExecutableFlows};
use egret_model::{Event, Timestamp};

use crate::baseline::{Broken, Edit, Outcome, Patience, SaveError, Store, apply};
use crate::config;

/// The baseline, and what is known of its file.
pub(crate) struct Book {
    inner: Mutex<Inner>,
    /// Changes of the rules so far, by learning and by people.
    changes: AtomicU64,
    precision: Precision,
    thresholds: Thresholds,
}

struct Inner {
    store: Store,
    /// Why the file is not what is in memory.
    problem: Option<String>,
    learned: u64,
    saved: Option<Timestamp>,
    growth: Growth,
    /// What enforcement judges; `None` where that is nothing.
    scope: Option<Scope>,
}

/// Changes between growing and being frozen that are remembered. An event that began before the oldest of them is learned
/// only if the baseline grew before and after it.
const CHANGES: usize = 16;

/// When the baseline grew, and when it was frozen.
#[derive(Debug)]
struct Growth {
    /// Whether it grew before the first of `changes`.
    before: bool,
    /// Since when it does, or does no more; in the order in which that was decided.
    changes: VecDeque<(Timestamp, bool)>,
}

impl Growth {
    const fn new(grows: bool) -> Self {
        Self { before: grows, changes: VecDeque::new() }
    }

    /// Whether it grows now.
    fn grows(&self) -> bool {
        self.changes.back().map_or(self.before, |(_, grows)| *grows)
    }

    fn set(&mut self, grows: bool, now: Timestamp) {
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

    /// Whether it grew at a moment. What happened then is learned by that, however late it comes: nobody is to be blocked
    /// for the way that an event took, and nothing that was forbidden is to be allowed for it.
    fn grew_at(&self, time: Timestamp) -> bool {
        self.changes.iter().rev().find(|(since, _)| *since <= time).map_or(self.before, |(_, grows)| *grows)
    }
}

/// When a flow began: a connect that failed was asked for as long ago as it took.
fn began(event: &Event) -> Timestamp {
    let took = event.connect_duration_ns.and_then(|took| i64::try_from(took).ok()).unwrap_or_default();
    Timestamp(event.time.0.saturating_sub(took))
}

/// Why there is nothing to hold a host to.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoBaseline(String);

impl Book {
    /// Opens the baseline. One whose file is broken begins empty, and leaves the file alone until somebody mended it.
    ///
    /// Unless it `grows` it is frozen from the first event on: the mode that is taken up may not learn, and until it is in
    /// force nothing is blocked.
    pub(crate) fn open(settings: &config::Baseline, grows: bool) -> Self {
        let config::Baseline { file, host, precision, thresholds, allow_failed, .. } = settings;
        let opened = Store::open(file, *precision);
        let problem = opened.as_ref().err().map(ToString::to_string);
        let mut store = opened.unwrap_or_else(|_| Store::unread(file, *precision));
        store.learner().set_host(host);
        store.learner().set_allow_failed(*allow_failed);
        store.learner().freeze(!grows);
        let inner = Inner { store, problem, learned: 0, saved: None, growth: Growth::new(grows), scope: None };
        Self { inner: Mutex::new(inner), changes: AtomicU64::new(0), precision: *precision, thresholds: *thresholds }
    }

    /// What rules say of processes.
    pub(crate) const fn precision(&self) -> Precision {
        self.precision
    }

    /// Learns from a batch of events.
    pub(super) fn learn(&self, events: &[Event]) {
        let mut inner = self.lock();
        let before = inner.learned;
        for event in events {
            let Some(mut facts) = Facts::of(event) else { continue };
            facts.exempt = inner.scope.as_ref().is_some_and(|scope| scope.exempt(event, &facts).is_some());
            let grew = inner.growth.grew_at(began(event));
            inner.store.learner().freeze(!grew);
            let learned = inner.store.learner().learn(&facts, event.time);
            inner.learned += u64::from(learned == Learned::New);
        }
        let grows = inner.growth.grows();
        inner.store.learner().freeze(!grows);
        if inner.learned != before {
            self.changed();
        }
    }

    /// Says what enforcement judges: how good the baseline is depends on that alone.
    pub(super) fn set_scope(&self, scope: Scope) {
        self.lock().scope = Some(scope);
    }

    /// Notes that events were lost.
    pub(super) fn lost(&self, gap: Gap) {
        self.lock().store.learner().lost(gap);
    }

    /// Whether rules are added for what happens from now on.
    pub(super) fn freeze(&self, frozen: bool, now: Timestamp) {
        let mut inner = self.lock();
        inner.growth.set(!frozen, now);
        inner.store.learner().freeze(frozen);
    }

    /// Makes several rules into one where there are enough, takes in what people did to the file, and writes it.
    pub(crate) fn save(&self, patience: Patience, now: Timestamp) -> Result<(), SaveError> {
        let mut inner = self.lock();
        if !inner.store.learner().generalise(self.thresholds).is_empty() {
            self.changed();
        }
        let saved = inner.store.save(patience);
        inner.note(saved.as_ref().err(), now);
        if saved?.edited {
            self.changed();
        }
        Ok(())
    }

    /// Changes the rules and writes the file.
    pub(crate) fn edit(&self, edit: &Edit, now: Timestamp) -> Result<Outcome, SaveError> {
        let mut inner = self.lock();
        let edited = inner.store.edit(Patience::Any, |baseline| apply(baseline, edit));
        inner.note(edited.as_ref().err(), now);
        let (outcome, _) = edited?;
        self.changed();
        Ok(outcome)
    }

    /// Takes in what people did to the file, if they did something.
    pub(super) fn look(&self, now: Timestamp) {
        let mut inner = self.lock();
        if !inner.store.is_edited() {
            return;
        }
        let saved = inner.store.save(Patience::None);
        if let Err(error) = &saved
            && inner.problem.is_none()
        {
            tracing::error!("{error}; what was in force stays so");
        }
        inner.note(saved.as_ref().err(), now);
        if saved.is_ok_and(|saved| saved.edited) {
            self.changed();
        }
    }

    /// The rules as they are, and how many changes they have seen.
    ///
    /// # Errors
    ///
    /// The file is broken: what is in memory is not what somebody wants to hold the host to.
    pub(super) fn rules(&self) -> Result<(Arc<Index>, u64), NoBaseline> {
        let mut inner = self.lock();
        // Read before the rules: a change that comes meanwhile waits for the lock, and is seen by the next look.
        let changes = self.changes.load(Ordering::Acquire);
        if inner.problem.is_some() {
            // It may have been mended since.
            inner.reread();
        }
        match &inner.problem {
            Some(problem) => Err(NoBaseline(problem.clone())),
            None => Ok((Arc::new(Index::of(inner.store.baseline())), changes)),
        }
    }

    /// The rules in memory, whatever the file is.
    pub(super) fn rules_in_memory(&self) -> (Arc<Index>, u64) {
        let inner = self.lock();
        (Arc::new(Index::of(inner.store.baseline())), self.changes.load(Ordering::Acquire))
    }

    /// How many changes the rules have seen.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// What there is to say of it.
    pub(super) fn state(&self) -> BaselineState {
        let inner = self.lock();
        let baseline = inner.store.baseline();
        let (subjects, all) = counts(baseline);
        let with = |action: Action| baseline.entries.values().filter(|entry| entry.action == action).count();
        BaselineState {
            rules: with(Action::Allow),
            denied_rules: with(Action::Deny),
            subjects: subjects.len(),
            gaps: baseline.gaps.len(),
            learned: inner.learned,
            flows: all.flows,
            novelty: all.novelty(),
            novelty_at_most: all.novelty_at_most(),
            last_saved: inner.saved,
            problems: inner.problem.iter().cloned().collect(),
            executables: executables(baseline),
        }
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn note(&mut self, error: Option<&SaveError>, now: Timestamp) {
        match error {
            None => {
                self.problem = None;
                self.saved = Some(now);
            }
            // Another program writes it just now; the next time will do.
            Some(SaveError::Busy(_)) => {}
            Some(error) => self.problem = Some(error.to_string()),
        }
    }

    fn reread(&mut self) {
        if let Err(error @ SaveError::Broken(Broken::Wrong { .. } | Broken::Unreadable { .. })) =
            self.store.save(Patience::None)
        {
            self.problem = Some(error.to_string());
        } else {
            self.problem = None;
        }
    }
}

/// Flows by executable.
fn executables(baseline: &Baseline) -> Vec<ExecutableFlows> {
    let (subjects, _) = counts(baseline);
    let mut by_path: BTreeMap<Option<Arc<str>>, Counts> = BTreeMap::new();
    for (subject, of) in subjects {
        let sum = by_path.entry(subject.executable.as_ref().map(Value::text)).or_default();
        (sum.flows, sum.rules, sum.once) = (sum.flows + of.flows, sum.rules + of.rules, sum.once + of.once);
    }
    let flows = |(executable, of): (_, Counts)| ExecutableFlows { executable, flows: of.flows, once: of.once };
    by_path.into_iter().map(flows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_while_the_baseline_was_frozen_is_not_learned_whenever_it_comes() {
        let mut growth = Growth::new(false);
        assert!(!growth.grew_at(Timestamp(0)) && !growth.grew_at(Timestamp(5)), "frozen from the first event on");
        growth.set(true, Timestamp(10));
        growth.set(true, Timestamp(15));
        growth.set(false, Timestamp(20));
        growth.set(true, Timestamp(30));
        for (time, grew) in [(0, false), (9, false), (10, true), (19, true), (20, false), (29, false), (30, true)] {
            assert_eq!(growth.grew_at(Timestamp(time)), grew, "{time}");
        }
    }

    #[test]
    fn what_is_older_than_what_is_remembered_is_learned_only_if_nothing_forbade_it() {
        let mut growth = Growth::new(true);
        for time in 0..40 {
            growth.set(time % 2 == 1, Timestamp(time));
        }
        assert_eq!(growth.changes.len(), CHANGES);
        assert!(!growth.grew_at(Timestamp(-1)) && growth.grew_at(Timestamp(39)) && !growth.grew_at(Timestamp(38)));
    }

    #[test]
    fn a_connect_that_failed_began_before_it_failed() {
        let event = Event { connect_duration_ns: Some(7), time: Timestamp(10), ..crate::sample::event() };
        assert_eq!(began(&event), Timestamp(3));
    }
}
