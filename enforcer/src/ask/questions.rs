//! The questions that are open, shared by those who ask and those who answer.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::answer::{Answer, AnswerError, Answered, Settled, Which};
use super::question::{AnswerInForce, Question};
use super::table::Table;
use crate::baseline::{Facts, Precision, Rule};

/// What happened to the questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is a new one.
    Asked,
    /// Some were answered, or an answer was withdrawn: verdicts may differ from now on.
    Answered,
}

/// Is notified of changes, on the thread that made them. It may not wait: one of them is the packet path.
pub type Watcher = dyn Fn(Change) + Send + Sync;

/// Questions that are open, and answers in force.
#[derive(Default)]
pub struct Questions {
    table: Mutex<Table>,
    precision: Precision,
    changes: AtomicU64,
    watchers: Mutex<Vec<Weak<Watcher>>>,
}

impl Questions {
    /// None yet. Rules that answers make are as precise as learned ones.
    #[must_use]
    pub fn new(precision: Precision) -> Self {
        Self { precision, ..Self::default() }
    }

    /// Puts a flow to whoever answers. Nothing is asked of which no rule can be made: `false`.
    pub fn ask(&self, facts: &Facts<'_>) -> bool {
        let Some(rule) = self.precision.rule_for(facts) else { return false };
        let is_new = self.table().ask(rule, facts, Instant::now());
        if is_new {
            self.notify(Change::Asked);
        }
        true
    }

    /// The answer in force for a flow. One for one flow is used up by this.
    #[must_use]
    pub fn answered(&self, facts: &Facts<'_>) -> Option<Answered> {
        if !self.table().has_answers() {
            return None;
        }
        let rule = self.precision.rule_for(facts)?;
        self.table().answered(&rule, Instant::now())
    }

    /// Answers. The answer is in force at once; one that is for good has to be made a rule of the baseline by the caller.
    ///
    /// # Errors
    ///
    /// If nothing such is asked, or too many answers are in force.
    pub fn answer(&self, which: &Which, answer: Answer) -> Result<Settled, AnswerError> {
        let settled = self.table().answer(which, answer, Instant::now())?;
        self.notify(Change::Answered);
        Ok(settled)
    }

    /// Leaves it to rules of the baseline what their answers said: these hold until the rules do, and no longer.
    pub fn hand_over(&self, rules: &[Rule]) {
        self.table().hand_over(rules, Instant::now());
    }

    /// Withdraws an answer, by the number of its question.
    pub fn withdraw(&self, id: u64) -> bool {
        let found = self.table().withdraw(id);
        if found {
            self.notify(Change::Answered);
        }
        found
    }

    /// The questions that are open, oldest first.
    #[must_use]
    pub fn open(&self) -> Vec<Question> {
        let (mut table, now) = (self.table(), Instant::now());
        table.expire(now);
        table.questions(now)
    }

    /// The answers in force, oldest first.
    #[must_use]
    pub fn in_force(&self) -> Vec<AnswerInForce> {
        let (mut table, now) = (self.table(), Instant::now());
        table.expire(now);
        table.in_force(now)
    }

    /// How often there was a change. It only grows.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Notifies a watcher of changes, for as long as it lives.
    pub fn watch(&self, watcher: &Arc<Watcher>) {
        self.watchers().push(Arc::downgrade(watcher));
    }

    fn notify(&self, change: Change) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        let mut present = Vec::new();
        self.watchers().retain(|watcher| watcher.upgrade().map(|watcher| present.push(watcher)).is_some());
        present.iter().for_each(|watcher| watcher(change));
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watchers(&self) -> MutexGuard<'_, Vec<Weak<Watcher>>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Questions").field("table", &self.table).field("changes", &self.changes).finish_non_exhaustive()
    }
}
