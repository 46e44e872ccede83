//! What the lanes share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use egret_model::{Attribution, Flow, Owner};
use nfq::{Message, Verdict};

use super::cache::Cache;
use super::counts::{Counts, one_more};
use super::decision::{Decision, Effect};
use super::settings::Settings;
use super::socket::Socket;
use crate::judge::{Audit, Current, Grant};

/// What the lanes share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) current: Current,
    pub(super) cache: Cache,
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
    pub(super) fn new(
        settings: Settings,
        current: Current,
        cache: Cache,
        grant: Arc<dyn Grant>,
        audit: Arc<dyn Audit>,
    ) -> Self {
        let (parked, epoch) = (AtomicU64::new(0), AtomicU64::new(0));
        let (stop_fast, stop_slow) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { settings, current, cache, grant, audit, parked, epoch, stop_fast, stop_slow }
    }

    /// Read before the policy and answers, so that a decision is never taken to be newer than what it was made with.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Nothing holds any more that was decided until now.
    pub(super) fn advance(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
}

/// A packet's flow and process, as far as they are known.
pub(super) struct Seen<'a> {
    pub(super) flow: Option<&'a Flow>,
    pub(super) owner: Option<&'a Owner>,
    /// When the lane had it.
    pub(super) begun: Instant,
}

/// Sends a packet where a decision says, counts that and tells of it.
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
    send(counts, socket, message, verdict, mark);
    let duration = seen.begun.elapsed();
    let attribution = seen.owner.map_or(Attribution::Unknown, |owner| owner.attribution);
    counts.verdict(decision.verdict, decision.reason, attribution, duration);
    let judgement = decision.judgement(attribution, duration);
    shared.audit.judged(seen.owner, seen.flow, decision.verdict, &judgement);
}

/// A verdict that is not taken leaves the packet in the kernel until the queue is read no more.
pub(super) fn send(counts: &Counts, socket: &mut Socket, message: Message, verdict: Verdict, mark: Option<u32>) {
    if socket.settle(message, verdict, mark).is_err() {
        one_more(&counts.refused);
    }
}
