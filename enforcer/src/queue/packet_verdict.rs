//! Packet verdicts: what happens to packets, and how long that is cached.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_model::{Attribution, Evaluation as EventEvaluation, Reason, Verdict};

use crate::ask::Holds;
use crate::evaluate::{BlockAction, Evaluation, Policy};
use crate::marks::Marks;

/// How long a verdict is cached that may change soon: a question is open, or a process was unknown.
const BRIEFLY: Duration = Duration::from_secs(1);

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It goes on, and so does what follows of its flow: this field in its mark says so.
    Allowed(u32),
    /// It goes on with this field in its mark, and the next one of its flow is evaluated again.
    Passed(u32),
    /// It is rejected by rules that match this field of its mark.
    Blocked(u32),
    /// It is dropped.
    Dropped,
}

/// A verdict and its effect on packets.
#[derive(Clone, Debug)]
pub(super) struct PacketVerdict {
    pub(super) verdict: Verdict,
    pub(super) reason: Reason,
    pub(super) rule: Option<Arc<str>>,
    pub(super) effect: Effect,
}

impl PacketVerdict {
    /// The verdict of an evaluation.
    pub(super) fn new(evaluation: Evaluation, policy: &Policy, marks: Marks) -> Self {
        let Evaluation { verdict, reason, rule, .. } = evaluation;
        let effect = match verdict {
            Verdict::Block if policy.action == BlockAction::Drop => Effect::Dropped,
            Verdict::Block => Effect::Blocked(marks.blocked()),
            Verdict::Allow | Verdict::WouldBlock if reason == Reason::Late => Effect::Passed(marks.passed()),
            Verdict::Allow | Verdict::WouldBlock => Effect::Allowed(marks.allowed(policy.generation)),
        };
        Self { verdict, reason, rule, effect }
    }

    /// egret's own packets are allowed by every policy, and by no rule.
    pub(super) fn for_own(policy: &Policy, marks: Marks) -> Self {
        let effect = Effect::Allowed(marks.allowed(policy.generation));
        Self { verdict: Verdict::Allow, reason: Reason::Rule, rule: None, effect }
    }

    pub(super) fn event_evaluation(&self, attribution: Attribution, duration: Duration) -> Arc<EventEvaluation> {
        Arc::new(EventEvaluation {
            reason: self.reason,
            rule: self.rule.clone(),
            attribution,
            duration_ns: u64::try_from(duration.as_nanos()).ok(),
        })
    }
}

/// Until when a verdict may be cached; `None` if it was for one flow, or made because something was missing.
pub(super) fn holds_until(evaluation: &Evaluation, now: Instant, remember: Duration) -> Option<Instant> {
    let longest = now + remember;
    match (evaluation.reason, evaluation.answered.map(|answered| answered.holds)) {
        (Reason::Late | Reason::Unjudgeable, _) | (_, Some(Holds::Flow)) => None,
        (Reason::Unattributed, _) => Some(longest.min(now + BRIEFLY)),
        _ if evaluation.ask => Some(longest.min(now + BRIEFLY)),
        (_, Some(Holds::Until(until))) => Some(longest.min(until)),
        (_, Some(Holds::All) | None) => Some(longest),
    }
}
