//! The decision.

use std::sync::Arc;

use egret_model::{Identity, Reason, Verdict};

use super::policy::{Mode, OnFailure, Policy, Unattributed};
use crate::ask::Answered;
use crate::baseline::{Decision, Facts, Rule};

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What is to be done.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The rule that covers the flow, without action.
    pub rule: Option<Arc<str>>,
    /// The answer that it rests on.
    pub answered: Option<Answered>,
    /// A person is to be asked.
    pub ask: bool,
}

/// Judges a flow. Answers in force are looked for only where no rule covers it: what rules say is for people to read, and
/// stays true.
///
/// In [`Mode::Enforce`] it blocks exactly what [`Mode::Shadow`] says it would, and in [`Mode::Learn`] nothing.
#[must_use]
pub fn judge(policy: &Policy, facts: &Facts<'_>, answered: impl FnOnce() -> Option<Answered>) -> Judged {
    let (blocks, reason, rule, answered) = match policy.index.decide(facts) {
        Decision::Allow(rule) => (false, Reason::Rule, Some(rule), None),
        Decision::Deny(rule) => (true, Reason::Rule, Some(rule), None),
        Decision::Unknown if facts.executable.is_none() => {
            (policy.unattributed == Unattributed::Block, Reason::Unattributed, None, None)
        }
        Decision::Unknown => match answered() {
            Some(answered) => (!answered.allow, Reason::Answer, None, Some(answered)),
            None => (true, Reason::NoRule, None, None),
        },
    };
    policy.judged(facts, blocks, (reason, rule, answered))
}

/// Judges a flow of which all is known but the name that was asked for; `None` if that could matter. It says what [`judge`]
/// says, but for the rule where several cover the flow.
#[must_use]
pub fn judge_without_name(policy: &Policy, facts: &Facts<'_>) -> Option<Judged> {
    match policy.index.decide_without_name(facts) {
        Decision::Allow(rule) => Some(policy.judged(facts, false, (Reason::Rule, Some(rule), None))),
        Decision::Deny(rule) => Some(policy.judged(facts, true, (Reason::Rule, Some(rule), None))),
        Decision::Unknown => None,
    }
}

impl Policy {
    fn judged(
        &self,
        facts: &Facts<'_>,
        blocks: bool,
        (reason, rule, answered): (Reason, Option<&Rule>, Option<Answered>),
    ) -> Judged {
        let is_meant = self.only.as_ref().is_none_or(|subject| subject.covers(facts));
        let verdict = self.verdict(blocks, is_meant);
        let ask = self.ask && verdict == Verdict::Block && reason == Reason::NoRule;
        Judged { verdict, reason, rule: rule.map(|rule| rule.to_string().into()), answered, ask }
    }

    /// Whether the digest of what a process runs has to be known before anything can be said of it.
    pub(crate) fn awaits_digest(&self, identity: &Identity) -> bool {
        let executable = identity.process.as_ref().map(|process| &process.executable);
        let unknown = executable.filter(|executable| executable.sha256.get().is_none());
        unknown.and_then(|executable| executable.path.as_deref()).is_some_and(|path| self.index.wants_digest(path))
    }

    /// What is to be done with a flow of which too little is known in time.
    #[must_use]
    pub fn late(&self) -> Judged {
        self.unknown(Reason::Late, self.on_failure == OnFailure::Closed)
    }

    /// What is to be done with a connection that the other end opened before packets were judged.
    #[must_use]
    pub const fn inbound(&self) -> Judged {
        Judged { verdict: Verdict::Allow, reason: Reason::Inbound, rule: None, answered: None, ask: false }
    }

    /// What is to be done with a packet whose flow cannot be told.
    #[must_use]
    pub fn unjudgeable(&self) -> Judged {
        self.unknown(Reason::Unjudgeable, self.unattributed == Unattributed::Block)
    }

    /// What is not known belongs to nobody whose flows alone are blocked.
    fn unknown(&self, reason: Reason, blocks: bool) -> Judged {
        let verdict = self.verdict(blocks, self.only.is_none());
        Judged { verdict, reason, rule: None, answered: None, ask: false }
    }

    const fn verdict(&self, blocks: bool, is_meant: bool) -> Verdict {
        match self.mode {
            _ if !blocks => Verdict::Allow,
            Mode::Learn => Verdict::Allow,
            Mode::Enforce if is_meant => Verdict::Block,
            Mode::Shadow | Mode::Enforce => Verdict::WouldBlock,
        }
    }
}
