//! The evaluation of a flow.

use std::sync::Arc;

use egret_model::{Identity, Reason, Verdict};

use super::policy::{FailurePolicy, Policy, UnattributedPolicy};
use crate::ask::Answered;
use crate::baseline::{Facts, Rule, RuleMatch};
use crate::mode::Mode;

/// What the policy says of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The verdict.
    pub verdict: Verdict,
    /// Its reason.
    pub reason: Reason,
    /// The rule that matches, without action.
    pub rule: Option<Arc<str>>,
    /// The answer that it is based on.
    pub answered: Option<Answered>,
    /// A person should be asked.
    pub ask: bool,
}

/// Evaluates a flow. Answers are only looked up where no rule matches: an answer never overrides what people read in the rules.
///
/// [`Mode::Enforce`] blocks exactly what [`Mode::Shadow`] says that it would; [`Mode::Learn`] blocks nothing.
#[must_use]
pub fn evaluate(policy: &Policy, facts: &Facts<'_>, answered: impl FnOnce() -> Option<Answered>) -> Evaluation {
    let (blocks, reason, rule, answered) = match policy.index.match_rule(facts) {
        RuleMatch::Allow(rule) => (false, Reason::Rule, Some(rule), None),
        RuleMatch::Deny(rule) => (true, Reason::Rule, Some(rule), None),
        RuleMatch::NoRule if facts.executable.is_none() => {
            (policy.unattributed == UnattributedPolicy::Block, Reason::Unattributed, None, None)
        }
        RuleMatch::NoRule => match answered() {
            Some(answered) => (!answered.allow, Reason::Answer, None, Some(answered)),
            None => (true, Reason::NoRule, None, None),
        },
    };
    policy.evaluation(facts, blocks, (reason, rule, answered))
}

/// Evaluates a flow of which only the name that was asked for is unknown; `None` if that could matter. The result is that of
/// [`evaluate`], except for the rule where several match.
#[must_use]
pub fn evaluate_without_name(policy: &Policy, facts: &Facts<'_>) -> Option<Evaluation> {
    match policy.index.match_without_name(facts) {
        RuleMatch::Allow(rule) => Some(policy.evaluation(facts, false, (Reason::Rule, Some(rule), None))),
        RuleMatch::Deny(rule) => Some(policy.evaluation(facts, true, (Reason::Rule, Some(rule), None))),
        RuleMatch::NoRule => None,
    }
}

impl Policy {
    fn evaluation(
        &self,
        facts: &Facts<'_>,
        blocks: bool,
        (reason, rule, answered): (Reason, Option<&Rule>, Option<Answered>),
    ) -> Evaluation {
        let is_enforced = self.only.as_ref().is_none_or(|subject| subject.covers(facts));
        let verdict = self.verdict(blocks, is_enforced);
        let ask = self.ask && verdict == Verdict::Block && reason == Reason::NoRule;
        Evaluation { verdict, reason, rule: rule.map(|rule| rule.to_string().into()), answered, ask }
    }

    /// Whether the evaluation of this process depends on something that is computed beside the packet path and not known yet: the
    /// digest of its executable, or the names of its container.
    pub(crate) fn awaits_digest(&self, identity: &Identity) -> bool {
        if self.index.wants_containers() && identity.process.as_ref().is_some_and(|process| process.awaits_container())
        {
            return true;
        }
        let executable = identity.process.as_ref().map(|process| &process.executable);
        let unknown = executable.filter(|executable| executable.sha256.get().is_none());
        unknown.and_then(|executable| executable.path.as_deref()).is_some_and(|path| self.index.wants_digest(path))
    }

    /// A flow that cannot be evaluated in time.
    #[must_use]
    pub fn late(&self) -> Evaluation {
        self.unknown(Reason::Late, self.on_failure == FailurePolicy::Closed)
    }

    /// A connection that the peer opened before flows were evaluated.
    #[must_use]
    pub const fn inbound(&self) -> Evaluation {
        Evaluation { verdict: Verdict::Allow, reason: Reason::Inbound, rule: None, answered: None, ask: false }
    }

    /// A packet that cannot be parsed.
    #[must_use]
    pub fn unjudgeable(&self) -> Evaluation {
        self.unknown(Reason::Unjudgeable, self.unattributed == UnattributedPolicy::Block)
    }

    /// Where only one subject is enforced, an unknown flow is not its.
    fn unknown(&self, reason: Reason, blocks: bool) -> Evaluation {
        let verdict = self.verdict(blocks, self.only.is_none());
        Evaluation { verdict, reason, rule: None, answered: None, ask: false }
    }

    const fn verdict(&self, blocks: bool, is_enforced: bool) -> Verdict {
        match self.mode {
            _ if !blocks => Verdict::Allow,
            Mode::Observe | Mode::Learn => Verdict::Allow,
            Mode::Enforce if is_enforced => Verdict::Block,
            Mode::Shadow | Mode::Enforce => Verdict::WouldBlock,
        }
    }
}
