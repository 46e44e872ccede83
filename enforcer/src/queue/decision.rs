//! Decisions: what is done with packets, and how long it is remembered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_model::{Attribution, Judgement, Reason, Verdict};

use crate::ask::Holds;
use crate::judge::{Judged, Policy, Refusal};
use crate::marks::Marks;

/// How long is remembered what may be otherwise soon: a question is open, or a process was not known.
const BRIEFLY: Duration = Duration::from_secs(1);

/// What is done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It goes on with this field in its mark.
    Marked(u32),
    /// It goes on as it came, and so does the next one of its flow, to be judged again.
    Passed,
    /// It goes nowhere.
    Dropped,
}

/// A decision.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    pub(super) reason: Reason,
    pub(super) rule: Option<Arc<str>>,
    pub(super) effect: Effect,
}

impl Decision {
    /// What a policy's judgement comes to.
    pub(super) fn of(judged: Judged, policy: &Policy, marks: Marks) -> Self {
        let Judged { verdict, reason, rule, .. } = judged;
        let effect = match verdict {
            Verdict::Block if policy.refusal == Refusal::Drop => Effect::Dropped,
            Verdict::Block => Effect::Marked(marks.blocked()),
            Verdict::Allow | Verdict::WouldBlock if reason == Reason::Late => Effect::Passed,
            Verdict::Allow | Verdict::WouldBlock => Effect::Marked(marks.allowed(policy.generation)),
        };
        Self { verdict, reason, rule, effect }
    }

    /// What is egret's own is allowed by no rule, and by every policy.
    pub(super) fn of_own(policy: &Policy, marks: Marks) -> Self {
        let effect = Effect::Marked(marks.allowed(policy.generation));
        Self { verdict: Verdict::Allow, reason: Reason::Rule, rule: None, effect }
    }

    pub(super) fn judgement(&self, attribution: Attribution, duration: Duration) -> Arc<Judgement> {
        Arc::new(Judgement {
            reason: self.reason,
            rule: self.rule.clone(),
            attribution,
            duration_ns: u64::try_from(duration.as_nanos()).ok(),
        })
    }
}

/// Until when a judgement may be remembered; not at all if it was for one flow, or made for want of something.
pub(super) fn holds_until(judged: &Judged, now: Instant, remember: Duration) -> Option<Instant> {
    let longest = now + remember;
    match (judged.reason, judged.answered.map(|answered| answered.holds)) {
        (Reason::Late | Reason::Unjudgeable, _) | (_, Some(Holds::Flow)) => None,
        (Reason::Unattributed, _) => Some(longest.min(now + BRIEFLY)),
        _ if judged.ask => Some(longest.min(now + BRIEFLY)),
        (_, Some(Holds::Until(until))) => Some(longest.min(until)),
        (_, Some(Holds::Stands) | None) => Some(longest),
    }
}
