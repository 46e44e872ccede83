//! The baseline of this host, shared by the threads that learn it and that evaluate by it, while people edit its file.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use egret_model::snapshot::{BaselineState, ExecutableFlows};
use egret_model::{Event, Timestamp};

use super::error::{Broken, SaveError};
use super::file_store::{FileStore, Patience, Saved, Shared, edit_shared};
use super::growth::{Growth, began};
use super::unlearned::Unlearned;
use crate::baseline::{
    Action, Baseline, Bounds, Counts, Facts, Gap, Host, Index, Learned, Precision, Subject, Thresholds, Value,
};
use crate::clock::boot_now;
use crate::controller::own_addresses;
use crate::evaluate::Scope;

/// For how long a change waits for another program that changes the file.
const EDIT_WITHIN: Duration = Duration::from_secs(5);

/// How a baseline is learned, and where its file is.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineSettings {
    /// The file.
    pub file: PathBuf,
    /// What learned rules say of processes.
    pub precision: Precision,
    /// When several rules become one.
    pub thresholds: Thresholds,
    /// How many rules learning may make.
    pub bounds: Bounds,
    /// Whether flows that failed become rules that allow.
    pub allow_failed: bool,
}

/// The baseline store: the baseline in memory, and the state of its file.
pub struct BaselineStore {
    inner: Mutex<Inner>,
    /// The file, links followed.
    path: PathBuf,
    /// Changes of the rules so far, by learning and by people.
    changes: AtomicU64,
    precision: Precision,
    thresholds: Thresholds,
}

struct Inner {
    store: FileStore,
    /// Why the file differs from what is in memory.
    problem: Option<String>,
    learned: u64,
    unlearned: Unlearned,
    saved: Option<Timestamp>,
    growth: Growth,
    /// The flows that enforcement evaluates.
    scope: Scope,
}

/// Why there is no baseline to enforce.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoBaseline(String);

impl BaselineStore {
    /// Opens the baseline. If its file is broken it begins empty, and does not touch the file until somebody mends it.
    ///
    /// Unless it `grows` it is frozen from the first event on: nothing is blocked before the mode is in force, and a mode that does
    /// not learn must not learn that.
    #[must_use]
    pub fn open(settings: &BaselineSettings, host: &str, grows: bool) -> Self {
        let BaselineSettings { file, precision, thresholds, bounds, allow_failed } = settings;
        let (precision, thresholds) = (*precision, *thresholds);
        let opened = FileStore::open(file, precision);
        let problem = opened.as_ref().err().map(ToString::to_string);
        let mut store = opened.unwrap_or_else(|_| FileStore::unread(file, precision));
        store.learner().set_host(host);
        store.learner().set_allow_failed(*allow_failed);
        store.learner().bound(*bounds);
        store.learner().freeze(!grows);
        let growth = Growth::new(grows);
        let path = store.path().to_owned();
        let inner = Inner {
            store,
            problem,
            learned: 0,
            unlearned: Unlearned::default(),
            saved: None,
            growth,
            scope: Scope::everything(),
        };
        let changes = AtomicU64::new(0);
        Self { inner: Mutex::new(inner), path, changes, precision, thresholds }
    }

    /// What rules say of processes.
    #[must_use]
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// Learns from a batch of events.
    pub fn learn(&self, events: &[Event]) {
        let mut inner = self.lock();
        let before = inner.learned;
        let mut is_generalised = false;
        for event in events {
            let Some(mut facts) = Facts::of(event) else { continue };
            facts.exempt = inner.scope.exempt(event, &facts).is_some();
            let grew = inner.growth.grew_at(began(event));
            inner.store.learner().freeze(!grew);
            let learned = inner.store.learner().learn(&facts, event.time);
            inner.learned += u64::from(learned == Learned::New);
            if let Learned::Full(limit) = learned {
                inner.unlearned.note(limit, self.precision.rule_for(&facts).map(|rule| rule.subject));
            }
            if inner.store.learner().has_grown() {
                is_generalised |= !inner.store.learner().generalise(self.thresholds).is_empty();
            }
        }
        let grows = inner.growth.grows();
        inner.store.learner().freeze(!grows);
        if inner.learned != before || is_generalised {
            self.changed();
        }
    }

    /// Sets the flows that enforcement evaluates: readiness depends on these alone.
    pub fn set_scope(&self, scope: Scope) {
        self.lock().scope = scope;
    }

    /// Notes that events were lost.
    pub fn lost(&self, gap: Gap) {
        self.lock().store.learner().lost(gap);
    }

    /// Whether the baseline is frozen for events from now on.
    pub fn freeze(&self, frozen: bool) {
        let mut inner = self.lock();
        inner.growth.set(!frozen, boot_now());
        inner.store.learner().freeze(frozen);
    }

    /// Generalises, takes in edits of the file, and writes it.
    ///
    /// # Errors
    ///
    /// The file is broken, is being changed, or cannot be written.
    pub fn save(&self, patience: Patience, now: Timestamp) -> Result<(), SaveError> {
        let mut inner = self.lock();
        if !inner.store.learner().generalise(self.thresholds).is_empty() {
            self.changed();
        }
        inner.unlearned.report();
        // Interfaces come and go.
        inner.scope = std::mem::take(&mut inner.scope).with_own_addresses(own_addresses());
        drop(inner);
        self.write(patience, now, |_| ()).map(|((), _)| ())
    }

    /// Changes the rules and writes the file. Others can use the baseline while this waits for the disk and for other programs.
    fn write<T>(
        &self,
        patience: Patience,
        now: Timestamp,
        change: impl FnMut(&mut Baseline) -> T,
    ) -> Result<(T, Saved), SaveError> {
        let saved = self.exchange(patience, change);
        self.lock().note(saved.as_ref().err(), now);
        saved
    }

    /// As [`Self::write`], without noting an error.
    fn exchange<T>(&self, patience: Patience, change: impl FnMut(&mut Baseline) -> T) -> Result<(T, Saved), SaveError> {
        let saved = edit_shared(self, &self.path, patience, change);
        if saved.as_ref().is_ok_and(|(_, saved)| saved.edited) {
            self.changed();
        }
        saved
    }

    /// Changes the rules and writes the file. The change may be made several times, if others change the file meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Self::save`]: nothing is changed then.
    pub fn edit<T>(&self, now: Timestamp, change: impl FnMut(&mut Baseline) -> T) -> Result<T, SaveError> {
        let (returned, _) = self.write(Patience::For(EDIT_WITHIN), now, change)?;
        self.changed();
        Ok(returned)
    }

    /// Takes in edits of the file, if there are any.
    pub fn take_in_edits(&self, now: Timestamp) {
        let inner = self.lock();
        let (is_edited, was_broken) = (inner.store.is_edited(), inner.problem.is_some());
        drop(inner);
        if !is_edited {
            return;
        }
        match self.write(Patience::None, now, |_| ()) {
            Err(error) if !was_broken && !matches!(error, SaveError::Busy(_)) => {
                tracing::error!("{error}; what was in force stays so");
            }
            _ => {}
        }
    }

    /// The rules, and how often they have changed.
    ///
    /// # Errors
    ///
    /// The file is broken: what is in memory is not what should be enforced.
    pub fn rules(&self) -> Result<(Arc<Index>, u64), NoBaseline> {
        if self.lock().problem.is_some() {
            // It may have been mended since.
            self.reread();
        }
        let inner = self.lock();
        // Read before the rules: a change meanwhile waits for the lock, and the next call sees it.
        let changes = self.changes.load(Ordering::Acquire);
        match &inner.problem {
            Some(problem) => Err(NoBaseline(problem.clone())),
            None => Ok((Arc::new(Index::of(inner.store.baseline())), changes)),
        }
    }

    /// The rules in memory, whatever the state of the file.
    #[must_use]
    pub fn rules_in_memory(&self) -> (Arc<Index>, u64) {
        let inner = self.lock();
        (Arc::new(Index::of(inner.store.baseline())), self.changes.load(Ordering::Acquire))
    }

    /// How often the rules have changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Why the file differs from what is in memory, if it does.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.lock().problem.clone()
    }

    /// The state of the baseline, as status and metrics show it.
    #[must_use]
    pub fn state(&self) -> BaselineState {
        let inner = self.lock();
        let baseline = inner.store.baseline();
        let (mut allowed, mut denied) = (0, 0);
        let mut subjects: BTreeMap<&Subject, Counts> = BTreeMap::new();
        let mut all = Counts::default();
        for (rule, entry) in &baseline.entries {
            match entry.action {
                Action::Allow => allowed += 1,
                Action::Deny => denied += 1,
                Action::Tried => {}
            }
            let Some(used) = entry.used() else { continue };
            let of_subject = subjects.entry(&rule.subject).or_default();
            if inner.scope.evaluates(rule) {
                of_subject.add(used);
                all.add(used);
            }
        }
        BaselineState {
            rules: allowed,
            denied_rules: denied,
            subjects: subjects.len(),
            gaps: baseline.gaps.len(),
            learned: inner.learned,
            full: inner.unlearned.flows(),
            flows: all.flows,
            novelty: all.novelty(),
            novelty_at_most: all.novelty_at_most(),
            last_saved: inner.saved,
            problems: inner.problem.iter().cloned().collect(),
            executables: executables(subjects),
        }
    }

    /// How many rules allow flows by a name that egret has to see resolved: these names are known from the start.
    #[must_use]
    pub fn rules_by_name(&self, known: &HashSet<Arc<str>>) -> usize {
        let inner = self.lock();
        let entries = inner.store.baseline().entries.iter();
        entries
            .filter(|(rule, entry)| entry.action == Action::Allow && needs_resolution(&rule.destination.host, known))
            .count()
    }

    fn reread(&self) {
        let reread = self.exchange(Patience::None, |_| ());
        self.lock().problem = match reread {
            Err(error @ SaveError::Broken(Broken::Wrong { .. } | Broken::Unreadable { .. })) => Some(error.to_string()),
            _ => None,
        };
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared for BaselineStore {
    fn with<T>(&self, work: impl FnOnce(&mut FileStore) -> T) -> T {
        work(&mut self.lock().store)
    }
}

/// Whether a host is matched by names that egret has to see resolved.
fn needs_resolution(host: &Host, known: &HashSet<Arc<str>>) -> bool {
    match host {
        Host::Name(name) => !known.contains(name),
        host => host.is_named(),
    }
}

impl Inner {
    fn note(&mut self, error: Option<&SaveError>, now: Timestamp) {
        match error {
            None => {
                self.problem = None;
                self.saved = Some(now);
            }
            // Another program is writing it; the next save will do.
            Some(SaveError::Busy(_)) => {}
            Some(error) => self.problem = Some(error.to_string()),
        }
    }
}

/// Flows by executable.
fn executables(subjects: BTreeMap<&Subject, Counts>) -> Vec<ExecutableFlows> {
    let mut by_path: BTreeMap<Option<Arc<str>>, Counts> = BTreeMap::new();
    for (subject, of) in subjects.into_iter().filter(|(_, of)| of.rules > 0) {
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
    fn names_known_from_the_start_need_no_resolution() {
        let known = HashSet::from([Arc::from("db.internal")]);
        let name = |name: &str| Host::Name(name.into());
        assert!(!needs_resolution(&name("db.internal"), &known) && needs_resolution(&name("www.example.org"), &known));
        assert!(needs_resolution(&Host::Below("internal".into()), &known), "there may be others");
        assert!(needs_resolution(&Host::Domain("db.internal".into()), &known));
        assert!(
            !needs_resolution(&Host::Any, &known) && !needs_resolution(&Host::Address([192, 0, 2, 1].into()), &known)
        );
    }
}
