//! Questions and answers, free of clocks and locks.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::answer::{Answer, AnswerError, Answered, Holds, Lasts, Settled, Which};
use super::extent::Extent;
use super::question::{AnswerInForce, InForce, Open, Question};
use crate::baseline::{Facts, Rule};

/// Questions that are open at a time, about 500 bytes each: 128 KiB. When another one comes, the one that was not asked for
/// longest goes; it comes again with the next packet.
pub(super) const QUESTIONS: usize = 256;
/// Answers in force at a time, about 500 bytes each: 2 MiB. Somebody gave every one of them: beyond, they are refused.
pub(super) const ANSWERS: usize = 4096;
/// How long a question stays open that is not asked again.
pub(super) const FORGOTTEN: Duration = Duration::from_secs(10 * 60);
/// How long an answer that became a rule of the baseline holds beside it: until the rule is in force, and not for long after
/// somebody removed it.
pub(super) const BESIDE: Duration = Duration::from_secs(10);
/// How long an answer for one flow waits for that.
pub(super) const ONCE: Duration = Duration::from_secs(60);

/// Questions and answers.
#[derive(Debug, Default)]
pub(super) struct Table {
    open: BTreeMap<u64, Open>,
    numbers: HashMap<Rule, u64>,
    answers: HashMap<Rule, InForce>,
    last: u64,
}

impl Table {
    /// A flow for which there is neither rule nor answer. Says whether that is a new question.
    pub(super) fn ask(&mut self, rule: Rule, facts: &Facts<'_>, now: Instant) -> bool {
        self.expire(now);
        let known = self.numbers.get(&rule).copied();
        let id = known.unwrap_or_else(|| self.open(rule, facts, now));
        if let Some(open) = self.open.get_mut(&id) {
            open.count += 1;
            open.last = now;
            open.address = facts.address.or(open.address);
        }
        known.is_none()
    }

    fn open(&mut self, rule: Rule, facts: &Facts<'_>, now: Instant) -> u64 {
        if self.open.len() >= QUESTIONS {
            let idle = self.open.iter().min_by_key(|(_, open)| open.last).map(|(id, _)| *id);
            idle.map(|id| self.close(id));
        }
        self.last += 1;
        self.numbers.insert(rule.clone(), self.last);
        self.open.insert(self.last, Open::new(rule, facts, now));
        self.last
    }

    fn close(&mut self, id: u64) -> Option<Rule> {
        let rule = self.open.remove(&id)?.rule;
        self.numbers.remove(&rule);
        Some(rule)
    }

    /// The answer in force for a flow; one for one flow is used up. Of several, one that denies wins, as among rules, then the
    /// one that is for least.
    pub(super) fn answered(&mut self, rule: &Rule, now: Instant) -> Option<Answered> {
        let in_force = Extent::ALL.into_iter().filter_map(|extent| {
            let rule = extent.widen(rule)?;
            let answer = *self.answers.get(&rule)?;
            (!answer.is_over(now)).then_some((rule, answer))
        });
        let (rule, InForce { allow, once, until, .. }) = in_force.min_by_key(|(_, answer)| answer.allow)?;
        if once {
            self.answers.remove(&rule);
        }
        let holds = match until {
            Some(_) if once => Holds::Flow,
            Some(until) => Holds::Until(until),
            None => Holds::All,
        };
        Some(Answered { allow, holds })
    }

    /// Whether there are answers at all.
    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    pub(super) fn answer(&mut self, which: &Which, answer: Answer, now: Instant) -> Result<Settled, AnswerError> {
        self.expire(now);
        let ids = self.meant(which);
        if ids.is_empty() {
            return Err(AnswerError::NotOpen);
        }
        if self.answers.len() + ids.len() > ANSWERS {
            return Err(AnswerError::Full(self.answers.len()));
        }
        let is_asked = |id: &u64| self.open.get(id).is_some_and(|open| answer.extent.widen(&open.rule).is_none());
        if let Some(id) = ids.iter().copied().find(is_asked) {
            return Err(AnswerError::NoDomain(id));
        }
        let mut settled = Settled { rules: Vec::with_capacity(ids.len()), always: answer.lasts == Lasts::Always };
        for id in ids {
            let Some(rule) = self.close(id).and_then(|rule| answer.extent.widen(&rule)) else { continue };
            if !settled.rules.contains(&rule) {
                self.answers.insert(rule.clone(), in_force(id, answer, now));
                settled.rules.push(rule);
            }
        }
        // What is for one flow leaves the others to be asked about.
        if answer.lasts != Lasts::Once {
            self.close_answered(answer.extent, &settled.rules);
        }
        Ok(settled)
    }

    /// Closes the other questions that an answer is for.
    fn close_answered(&mut self, extent: Extent, rules: &[Rule]) {
        let is_answered = |open: &Open| extent.widen(&open.rule).is_some_and(|rule| rules.contains(&rule));
        let answered: Vec<u64> = self.open.iter().filter(|(_, open)| is_answered(open)).map(|(id, _)| *id).collect();
        for id in answered {
            self.close(id);
        }
    }

    fn meant(&self, which: &Which) -> Vec<u64> {
        let is_meant = |id: u64, open: &Open| match which {
            Which::Id(asked) => id == *asked,
            Which::Subject(subject) => subject.covers(&open.facts()),
        };
        self.open.iter().filter(|(id, open)| is_meant(**id, open)).map(|(id, _)| *id).collect()
    }

    /// Takes an answer back, by the number of its question.
    pub(super) fn withdraw(&mut self, id: u64) -> bool {
        let before = self.answers.len();
        self.answers.retain(|_, answer| answer.id != id);
        self.answers.len() < before
    }

    /// Leaves it to rules of the baseline what their answers said.
    pub(super) fn hand_over(&mut self, rules: &[Rule], now: Instant) {
        for rule in rules {
            if let Some(answer) = self.answers.get_mut(rule) {
                answer.until = now.checked_add(BESIDE);
            }
        }
    }

    /// Forgets what is over.
    pub(super) fn expire(&mut self, now: Instant) {
        let is_forgotten = |open: &Open| now.saturating_duration_since(open.last) >= FORGOTTEN;
        let forgotten: Vec<u64> = self.open.iter().filter(|(_, open)| is_forgotten(open)).map(|(id, _)| *id).collect();
        for id in forgotten {
            self.close(id);
        }
        self.answers.retain(|_, answer| !answer.is_over(now));
    }

    /// The questions, in the order of their numbers.
    pub(super) fn questions(&self, now: Instant) -> Vec<Question> {
        self.open.iter().map(|(id, open)| open.show(*id, now)).collect()
    }

    /// The answers, in the order of the numbers of their questions.
    pub(super) fn in_force(&self, now: Instant) -> Vec<AnswerInForce> {
        let mut in_force: Vec<_> = self.answers.iter().map(|(rule, answer)| answer.show(rule, now)).collect();
        in_force.sort_by_key(|in_force| in_force.id);
        in_force
    }
}

/// A time beyond the range of the clock lasts until egret ends.
fn in_force(id: u64, Answer { allow, lasts, .. }: Answer, now: Instant) -> InForce {
    let until = match lasts {
        Lasts::Once => now.checked_add(ONCE),
        Lasts::For(time) => now.checked_add(time),
        Lasts::UntilRestart | Lasts::Always => None,
    };
    InForce { id, allow, once: lasts == Lasts::Once, until }
}
