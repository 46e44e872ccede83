//! What the lanes share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use egret_model::{Attribution, Flow, Identity, Owner, Reason, Transport};
use nfq::{Message, Verdict};

use super::cache::{Cache, DECISIONS, Key, PROCESSES, Who};
use super::counts::{Counts, one_more};
use super::decision::{Decision, Effect, holds_until};
use super::settings::Settings;
use super::socket::Socket;
use crate::judge::{Audit, Current, Grant, Judged, Policy};

/// What the lanes share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) current: Current,
    pub(super) decisions: Cache<Key, Decision>,
    /// Processes that were told in full; what they asked for is another matter each time.
    pub(super) identities: Cache<Who, Identity>,
    pub(super) grant: Arc<dyn Grant>,
    pub(super) audit: Arc<dyn Audit>,
    /// Packets that are held now.
    pub(super) parked: AtomicU64,
    /// Changes with the policy and with answers.
    epoch: AtomicU64,
    /// The fast lanes are to end.
    pub(super) stop_fast: AtomicBool,
    /// The slow lane is to end.
    pub(super) stop_slow: AtomicBool,
}

impl Shared {
    pub(super) fn new(settings: Settings, current: Current, grant: Arc<dyn Grant>, audit: Arc<dyn Audit>) -> Self {
        let (parked, epoch) = (AtomicU64::new(0), AtomicU64::new(0));
        let (stop_fast, stop_slow) = (AtomicBool::new(false), AtomicBool::new(false));
        let (decisions, identities) = (Cache::new(DECISIONS), Cache::new(PROCESSES));
        Self { settings, current, decisions, identities, grant, audit, parked, epoch, stop_fast, stop_slow }
    }

    /// Read before the policy and answers, so that a decision is never taken to be newer than what it was made with.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Nothing holds any more that was decided until now.
    pub(super) fn advance(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// What was decided already about the like of a packet.
    pub(super) fn decided(&self, owner: &Owner, key: &Key, counts: &Counts, now: Instant) -> Option<Decision> {
        if owner.process.pid == self.settings.own_pid {
            return Some(Decision::of_own(&self.current.get(), self.settings.marks));
        }
        let decision = self.decisions.get(key, self.epoch(), now)?;
        one_more(&counts.hits);
        Some(decision)
    }

    /// What a policy's judgement comes to. What was judged in an epoch is remembered, as long as it may be.
    pub(super) fn decide(
        &self,
        judged: Judged,
        policy: &Policy,
        key: Key,
        of: (&Owner, &Flow),
        epoch: Option<u64>,
    ) -> Decision {
        let now = Instant::now();
        let until = holds_until(&judged, now, self.settings.remember);
        let decision = Decision::of(judged, policy, self.settings.marks);
        if let Some((until, epoch)) = until.zip(epoch) {
            self.grant(of, &decision, epoch, until.saturating_duration_since(now));
            self.decisions.put(key, decision.clone(), epoch, until);
        }
        decision
    }

    /// Lets the kernel allow the like by itself, where a rule does. A policy that came meanwhile has taken back what was
    /// granted before it: what was granted since under the old one goes too.
    fn grant(&self, (owner, flow): (&Owner, &Flow), decision: &Decision, epoch: u64, lasts: Duration) {
        let Effect::Marked(mark) = decision.effect else { return };
        let is_granted = (decision.verdict, decision.reason) == (egret_model::Verdict::Allow, Reason::Rule);
        if is_granted && flow.transport == Transport::Tcp {
            self.grant.grant(owner, flow, mark, lasts);
            if self.epoch() != epoch {
                self.grant.revoke();
            }
        }
    }
}

/// A packet's flow and process, as far as they are known.
pub(super) struct Seen<'a> {
    pub(super) flow: Option<&'a Flow>,
    pub(super) owner: Option<&'a Owner>,
    /// When the lane had it.
    pub(super) begun: Instant,
}

/// Tells of a decision, sends the packet where it says, and counts that. In this order: what happens because of the packet
/// is told of by others, who find the verdict noted then.
pub(super) fn settle(
    shared: &Shared,
    counts: &Counts,
    socket: &mut Socket,
    message: Message,
    seen: &Seen<'_>,
    decision: &Decision,
) {
    let (verdict, mark) = match decision.effect {
        Effect::Marked(field) => (Verdict::Accept, Some(shared.settings.marks.apply(message.get_nfmark(), field))),
        Effect::Passed => (Verdict::Accept, None),
        Effect::Dropped => (Verdict::Drop, None),
    };
    let attribution = seen.owner.map_or(Attribution::Unknown, |owner| owner.attribution);
    let judgement = decision.judgement(attribution, seen.begun.elapsed());
    shared.audit.judged(seen.owner, seen.flow, decision.verdict, &judgement);
    send(counts, socket, message, verdict, mark);
    counts.verdict(decision.verdict, decision.reason, attribution, seen.begun.elapsed());
}

/// A verdict that is not taken leaves the packet in the kernel until the queue is read no more.
pub(super) fn send(counts: &Counts, socket: &mut Socket, message: Message, verdict: Verdict, mark: Option<u32>) {
    if socket.settle(message, verdict, mark).is_err() {
        one_more(&counts.refused);
    }
}
