//! The baseline of this host: learned by one thread, judged by by others, edited by people.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egret_enforcer::baseline::{
    Action, Baseline, Bounds, Counts, Facts, Gap, Index, Learned, Precision, Thresholds, counts,
};
use egret_exporters::snapshot::{BaselineState, ExecutableFlows};
use egret_model::{Event, Timestamp};

use crate::baseline::{Broken, Edit, Outcome, Patience, SaveError, Store, apply};

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
    /// Flows of which nothing was learned because there are as many rules as may be, and as many of them as were logged.
    full: (u64, u64),
    saved: Option<Timestamp>,
    /// Since when no rule is added; `None` while the baseline grows.
    frozen: Option<Timestamp>,
}

/// Why there is nothing to hold a host to.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoBaseline(String);

impl Book {
    /// Opens the baseline. One whose file is broken begins empty, and leaves the file alone until somebody mended it.
    pub(crate) fn open(path: &Path, precision: Precision, thresholds: Thresholds, bounds: Bounds, host: &str) -> Self {
        let opened = Store::open(path, precision);
        let problem = opened.as_ref().err().map(ToString::to_string);
        let mut store = opened.unwrap_or_else(|_| Store::unread(path, precision));
        store.learner().set_host(host);
        store.learner().bound(bounds);
        let inner = Inner { store, problem, learned: 0, full: (0, 0), saved: None, frozen: None };
        Self { inner: Mutex::new(inner), changes: AtomicU64::new(0), precision, thresholds }
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
            let Some(facts) = Facts::of(event) else { continue };
            // What happened before is learned though it comes after: nobody is to be blocked for the way that events took.
            let frozen = inner.frozen.is_some_and(|since| event.time >= since);
            inner.store.learner().freeze(frozen);
            let learned = inner.store.learner().learn(&facts, event.time);
            inner.learned += u64::from(learned == Learned::New);
            inner.full.0 += u64::from(learned == Learned::Full);
            if inner.store.learner().has_grown() {
                inner.store.learner().generalise(self.thresholds);
            }
        }
        let frozen = inner.frozen.is_some();
        inner.store.learner().freeze(frozen);
        if inner.learned != before {
            self.changed();
        }
    }

    /// Notes that events were lost.
    pub(super) fn lost(&self, gap: Gap) {
        self.lock().store.learner().lost(gap);
    }

    /// Whether rules are added for what happens from now on.
    pub(super) fn freeze(&self, frozen: bool, now: Timestamp) {
        let mut inner = self.lock();
        inner.frozen = if frozen { inner.frozen.or(Some(now)) } else { None };
        inner.store.learner().freeze(frozen);
    }

    /// Makes several rules into one where there are enough, takes in what people did to the file, and writes it.
    pub(crate) fn save(&self, patience: Patience, now: Timestamp) -> Result<(), SaveError> {
        let mut inner = self.lock();
        if !inner.store.learner().generalise(self.thresholds).is_empty() {
            self.changed();
        }
        inner.report_full();
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
        let denies = baseline.entries.values().filter(|entry| entry.action == Action::Deny).count();
        BaselineState {
            rules: baseline.entries.len() - denies,
            denied_rules: denies,
            subjects: subjects.len(),
            gaps: baseline.gaps.len(),
            learned: inner.learned,
            full: inner.full.0,
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
    fn report_full(&mut self) {
        let flows = self.full.0 - std::mem::replace(&mut self.full.1, self.full.0);
        if flows > 0 {
            tracing::warn!(
                flows,
                "nothing is learned from flows that need new rules: there are as many as baseline.rules and \
                 baseline.rules_of_subject allow"
            );
        }
    }

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
        let sum = by_path.entry(subject.executable.clone()).or_default();
        (sum.flows, sum.rules, sum.once) = (sum.flows + of.flows, sum.rules + of.rules, sum.once + of.once);
    }
    let flows = |(executable, of): (_, Counts)| ExecutableFlows { executable, flows: of.flows, once: of.once };
    by_path.into_iter().map(flows).collect()
}
