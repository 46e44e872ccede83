//! What the workers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use egret_model::{Attribution, Flow, Identity, Owner, Reason, Transport};
use nfq::{Message, Verdict};

use super::cache::{Cache, Key, MAX_VERDICTS, PROCESSES, Who};
use super::counts::{Counts, one_more};
use super::packet_verdict::{Effect, PacketVerdict, holds_until};
use super::settings::Settings;
use super::socket::Socket;
use crate::evaluate::{Audit, Current, Evaluation, Grant, Policy};
use crate::marks::Marks;

/// What the workers share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) current: Current,
    pub(super) verdicts: Cache<Key, PacketVerdict>,
    /// Identities of processes, without the names that they asked for.
    pub(super) identities: Cache<Who, Identity>,
    pub(super) grant: Arc<dyn Grant>,
    pub(super) audit: Arc<dyn Audit>,
    /// Packets that are held now.
    pub(super) parked: AtomicU64,
    /// Changes with the policy and with answers.
    epoch: AtomicU64,
    /// The fast paths are to end.
    pub(super) stop_fast: AtomicBool,
    /// The slow path is to end.
    pub(super) stop_slow: AtomicBool,
}

impl Shared {
    pub(super) fn new(settings: Settings, current: Current, grant: Arc<dyn Grant>, audit: Arc<dyn Audit>) -> Self {
        let (parked, epoch) = (AtomicU64::new(0), AtomicU64::new(0));
        let (stop_fast, stop_slow) = (AtomicBool::new(false), AtomicBool::new(false));
        let (verdicts, identities) = (Cache::new(MAX_VERDICTS), Cache::new(PROCESSES));
        Self { settings, current, verdicts, identities, grant, audit, parked, epoch, stop_fast, stop_slow }
    }

    /// Read before the policy and answers, so that a verdict never seems newer than what it was made of.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Invalidates all verdicts until now.
    pub(super) fn advance(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// The cached verdict for packets like this one.
    pub(super) fn cached(&self, owner: &Owner, key: &Key, counts: &Counts, now: Instant) -> Option<PacketVerdict> {
        if owner.process.pid == self.settings.own_pid {
            return Some(PacketVerdict::for_own(&self.current.get(), self.settings.marks));
        }
        let outcome = self.verdicts.get(key, self.epoch(), now)?;
        one_more(&counts.hits);
        Some(outcome)
    }

    /// The verdict of an evaluation. One that was made in an epoch is cached, as long as it may be.
    pub(super) fn verdict(
        &self,
        evaluation: Evaluation,
        policy: &Policy,
        key: Key,
        of: (&Owner, &Flow),
        epoch: Option<u64>,
    ) -> PacketVerdict {
        let now = Instant::now();
        let until = holds_until(&evaluation, now, self.settings.remember);
        let outcome = PacketVerdict::new(evaluation, policy, self.settings.marks);
        if let Some((until, epoch)) = until.zip(epoch) {
            self.grant(of, &outcome, epoch, until.saturating_duration_since(now));
            self.verdicts.put(key, outcome.clone(), epoch, until);
        }
        outcome
    }

    /// Lets the kernel allow flows like this one on its own, where a rule allows them. A policy that came meanwhile has revoked all
    /// earlier grants: this one goes too.
    fn grant(&self, (owner, flow): (&Owner, &Flow), outcome: &PacketVerdict, epoch: u64, lasts: Duration) {
        let Effect::Allowed(mark) = outcome.effect else { return };
        let is_granted = (outcome.verdict, outcome.reason) == (egret_model::Verdict::Allow, Reason::Rule);
        if is_granted && flow.transport == Transport::Tcp {
            self.grant.grant(owner, flow, mark, lasts);
            if self.epoch() != epoch {
                self.grant.revoke();
            }
        }
    }
}

/// Whether a datagram answers a peer: `inbound` says that the peer sent the first one. Connection tracking takes an answer from
/// another address, or to a multicast query, for a new flow; the socket and the learner know better.
pub(super) const fn is_answer(inbound: bool, flow: &Flow) -> bool {
    inbound && !flow.transport.has_handshake()
}

/// A packet's flow and process, as far as they are known.
pub(super) struct Seen<'a> {
    pub(super) flow: Option<&'a Flow>,
    pub(super) owner: Option<&'a Owner>,
    /// When the worker had it.
    pub(super) begun: Instant,
}

/// Records a verdict, sends the packet where it says, and counts it. In this order: whatever happens because of the packet finds
/// its verdict recorded.
pub(super) fn settle(
    shared: &Shared,
    counts: &Counts,
    socket: &mut Socket,
    message: Message,
    seen: &Seen<'_>,
    outcome: &PacketVerdict,
) {
    let (verdict, mark) = kernel_verdict(shared.settings.marks, socket, &message, outcome.effect, seen.begun);
    let attribution = seen.owner.map_or(Attribution::Unknown, |owner| owner.attribution);
    let evaluation = outcome.event_evaluation(attribution, seen.begun.elapsed());
    shared.audit.record(seen.owner, seen.flow, outcome.verdict, &evaluation);
    send(counts, socket, message, verdict, mark);
    counts.verdict(outcome.verdict, outcome.reason, attribution, seen.begun.elapsed());
}

/// The verdict for the kernel. If a packet were accepted, it would skip the rest of the table that its rule is in, and with it
/// whatever others have there: routes by user, switches that keep traffic in a tunnel. So the table begins with it once more,
/// and the rules know it by its mark. Rules that do not, as they are of another policy or follow on something that takes the
/// mark away, would send it here again: then it goes on from where it is.
fn kernel_verdict(
    marks: Marks,
    socket: &mut Socket,
    message: &Message,
    effect: Effect,
    now: Instant,
) -> (Verdict, Option<u32>) {
    let before = message.get_nfmark();
    let (field, otherwise) = match effect {
        Effect::Allowed(field) | Effect::Passed(field) => (field, Verdict::Accept),
        Effect::Blocked(field) => (field, Verdict::Drop),
        Effect::Dropped => return (Verdict::Drop, None),
    };
    let is_known = marks.field(before) != field && !socket.returns(message, now);
    (if is_known { Verdict::Repeat } else { otherwise }, Some(marks.apply(before, field)))
}

/// A verdict that is not taken leaves the packet in the kernel until the queue is read no more.
pub(super) fn send(counts: &Counts, socket: &mut Socket, message: Message, verdict: Verdict, mark: Option<u32>) {
    if socket.settle(message, verdict, mark).is_err() {
        one_more(&counts.refused);
    }
}
