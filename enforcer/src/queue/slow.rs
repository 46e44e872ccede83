//! The slow path: packets without a cached verdict.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use egret_model::{Flow, Identity, Owner, Reason, Transport, Verdict};
use nfq::Message;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::breaker::Breaker;
use super::budget::Budget;
use super::cache::Key;
use super::counts::{Counts, one_more};
use super::digests::Digests;
use super::interfaces::Interfaces;
use super::packet_verdict::PacketVerdict;
use super::parked::{For, Packet, Parked};
use super::shared::{Seen, Shared, is_answer, settle};
use super::socket::{Received, Socket};
use super::wake::Wake;
use crate::ask::Questions;
use crate::baseline::Facts;
use crate::evaluate::{Evaluation, FindOwner, Identify, Policy, evaluate};
use crate::fault;
use crate::packet::is_request;

/// Packets that are read before those that are held are looked after.
const BATCH: usize = 64;

/// The worker of the slow path.
pub(super) struct Slow {
    pub(super) socket: Socket,
    pub(super) finder: Box<dyn FindOwner>,
    pub(super) shared: Arc<Shared>,
    pub(super) counts: Arc<Counts>,
    pub(super) wake: Arc<Wake>,
    pub(super) identify: Arc<dyn Identify>,
    pub(super) questions: Arc<Questions>,
    pub(super) digests: Digests,
    pub(super) breaker: Breaker,
    pub(super) budget: Budget,
    pub(super) parked: Parked,
    pub(super) interfaces: Interfaces,
}

/// What is known of a packet's verdict by now.
struct Considered {
    /// `None` before the digest of the executable is known.
    evaluation: Option<Evaluation>,
    policy: Arc<Policy>,
    epoch: u64,
}

impl Slow {
    pub(super) fn run(mut self) -> io::Result<()> {
        self.socket.set_nonblocking();
        loop {
            // The bell first, then what it was rung for: what comes between the two rings again.
            let was_rung = self.wake.was_rung();
            if self.shared.stop_slow.load(Ordering::Acquire) {
                break;
            }
            self.read(BATCH)?;
            // What changed may concern any of those that are held.
            let again = if was_rung { self.parked.take() } else { self.parked.take_overdue(Instant::now()) };
            again.into_iter().for_each(|packet| self.step(packet));
            self.wait()?;
        }
        self.socket.shut();
        self.read(usize::MAX)?;
        for packet in self.parked.take() {
            let policy = self.shared.current.get();
            self.finish(packet, policy.late(), &policy, None);
        }
        self.socket.close()
    }

    /// Until there is a packet, something changed, or a packet has been held as long as it may.
    fn wait(&self) -> io::Result<()> {
        self.shared.parked.store(u64::try_from(self.parked.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let left = self.parked.next().map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let mut sources =
            [self.socket.as_fd(), self.wake.as_fd()].map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN));
        match poll(&mut sources, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self, most: usize) -> io::Result<()> {
        for _ in 0..most {
            match self.socket.receive()? {
                Received::Packet(message) => self.take(message),
                Received::Other => {}
                Received::Empty => break,
            }
        }
        Ok(())
    }

    fn take(&mut self, message: Message) {
        fault::point("worker");
        let begun = Instant::now();
        self.counts.missing.fetch_add(self.socket.missing(&message), Ordering::Relaxed);
        let Ok(flow) = self.interfaces.flow(&message) else {
            return self.settle_by(message, None, None, begun, Policy::unjudgeable);
        };
        // Such a packet comes here where tracking began in the middle of its connection, and takes it for the first.
        let is_in_the_middle = flow.transport == Transport::Tcp && !is_request(message.get_payload());
        if is_in_the_middle && self.finder.is_inbound(&flow) {
            let owner = self.finder.find(&flow);
            return self.settle_by(message, Some(&flow), owner.as_ref(), begun, Policy::inbound);
        }
        let candidates = self.finder.find(&flow).map_or_else(|| self.search(&flow), |owner| vec![owner]);
        let [owner] = candidates[..] else {
            return self.take_of_several(message, &flow, &candidates, begun);
        };
        if is_answer(owner.inbound, &flow) {
            return self.settle_by(message, Some(&flow), Some(&owner), begun, Policy::inbound);
        }
        let key = Key::new(&owner, &flow);
        // It may have been cached since the fast path looked.
        if let Some(outcome) = self.shared.cached(&owner, &key, &self.counts, begun) {
            let seen = Seen { flow: Some(&flow), owner: Some(&owner), begun };
            return settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &outcome);
        }
        let epoch = self.shared.epoch();
        let identity = self.identity(&owner, &flow);
        if let Some(identity) = &identity {
            let until = Instant::now() + self.shared.settings.remember;
            self.shared.identities.put(
                key.who,
                Identity { server: None, inbound: false, ..identity.clone() },
                epoch,
                until,
            );
        }
        let is_late = identity.is_none();
        let identity = identity.unwrap_or_default();
        let packet = Packet { message, flow, owner, key, identity, begun, held: None };
        if is_late {
            let policy = self.shared.current.get();
            return self.finish(packet, policy.late(), &policy, None);
        }
        if is_answer(packet.identity.inbound, &flow) {
            // The kernel side no longer knows the peer, as the owner's flag would tell, but the tracker does.
            let policy = self.shared.current.get();
            return self.finish(packet, policy.inbound(), &policy, None);
        }
        self.step(packet);
    }

    /// The processes that may have sent a packet; none while searches have used up their budget.
    fn search(&mut self, flow: &Flow) -> Vec<Owner> {
        let begun = Instant::now();
        let Some(deadline) = self.budget.deadline(begun) else {
            one_more(&self.counts.unsearched);
            return Vec::new();
        };
        let candidates = self.finder.candidates(flow, deadline);
        self.budget.spend(begun, Instant::now());
        candidates
    }

    /// A packet with several possible owners, as with a port that they share, or none. It passes if all of them may send it: which of
    /// them did makes no difference then.
    fn take_of_several(&mut self, message: Message, flow: &Flow, candidates: &[Owner], begun: Instant) {
        let allowed = self.allowed_to_all(flow, candidates);
        self.settle_by(message, Some(flow), None, begun, |policy| {
            let unknown = Identity::default();
            allowed.unwrap_or_else(|| evaluate(policy, &Facts::of_identity(&unknown, flow), || None))
        });
    }

    /// The first of the evaluations, if rules allow all of these processes.
    fn allowed_to_all(&mut self, flow: &Flow, candidates: &[Owner]) -> Option<Evaluation> {
        let policy = self.shared.current.get();
        let mut first = None;
        for owner in candidates {
            let identity = self.identity(owner, flow)?;
            let evaluation = if is_answer(identity.inbound, flow) {
                policy.inbound()
            } else {
                // Nothing is waited for here: a digest that is not known covers nothing.
                evaluate(&policy, &Facts::of_identity(&identity, flow), || None)
            };
            let is_allowed =
                evaluation.verdict == Verdict::Allow && matches!(evaluation.reason, Reason::Rule | Reason::Inbound);
            is_allowed.then_some(())?;
            first.get_or_insert(evaluation);
        }
        first
    }

    /// Settles a packet by an evaluation that needs no waiting.
    fn settle_by(
        &mut self,
        message: Message,
        flow: Option<&Flow>,
        owner: Option<&Owner>,
        begun: Instant,
        evaluation: impl FnOnce(&Policy) -> Evaluation,
    ) {
        let policy = self.shared.current.get();
        let outcome = PacketVerdict::new(evaluation(&policy), &policy, self.shared.settings.marks);
        let seen = Seen { flow, owner, begun };
        settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &outcome);
    }

    fn identity(&mut self, owner: &Owner, flow: &Flow) -> Option<Identity> {
        if !self.breaker.is_closed(Instant::now()) {
            return None;
        }
        let identity = self.identify.identify(owner, flow, self.shared.settings.identify_within);
        self.breaker.record(identity.is_some(), Instant::now());
        identity
    }

    /// Settles a packet, or holds it.
    fn step(&mut self, mut packet: Packet) {
        let now = Instant::now();
        let Considered { evaluation, policy, epoch } = self.consider(&packet);
        let settings = &self.shared.settings;
        let held = match &evaluation {
            None => (For::Digest, packet.begun + settings.digest_within),
            Some(evaluation) if evaluation.ask => (For::Answer, packet.begun + settings.hold),
            Some(_) => return self.finish_with(packet, evaluation, &policy, epoch),
        };
        let waits = if packet.is_held(held.0) { !packet.is_overdue(now) } else { self.order(&packet, held) };
        if !waits || !self.parked.has_room() {
            return self.finish_with(packet, evaluation, &policy, epoch);
        }
        if packet.held.is_none() {
            one_more(&self.counts.parked);
        }
        packet.held = Some(held);
        self.shared.audit.held(&packet.owner, &packet.flow, held.1);
        self.parked.hold(packet);
    }

    fn consider(&self, packet: &Packet) -> Considered {
        let epoch = self.shared.epoch();
        let policy = self.shared.current.get();
        let facts = Facts::of_identity(&packet.identity, &packet.flow);
        let evaluation = (!policy.awaits_digest(&packet.identity)).then(|| {
            let answered = || self.questions.answered(&facts);
            evaluate(&policy, &facts, answered)
        });
        Considered { evaluation, policy, epoch }
    }

    /// Asks for what a packet would be held for; whether it is worth waiting for that.
    fn order(&self, packet: &Packet, (what, until): (For, Instant)) -> bool {
        let is_ordered = match what {
            For::Digest => packet.identity.process.as_ref().is_some_and(|process| self.digests.order(process)),
            For::Answer => self.questions.ask(&Facts::of_identity(&packet.identity, &packet.flow)),
        };
        is_ordered && packet.begun < until
    }

    fn finish_with(&mut self, packet: Packet, evaluation: Option<Evaluation>, policy: &Policy, epoch: u64) {
        match evaluation {
            Some(evaluation) => self.finish(packet, evaluation, policy, Some(epoch)),
            None => self.finish(packet, policy.late(), policy, None),
        }
    }

    /// Settles a packet; a verdict that was made in an epoch is cached.
    fn finish(&mut self, packet: Packet, evaluation: Evaluation, policy: &Policy, epoch: Option<u64>) {
        let Packet { message, flow, owner, key, begun, .. } = packet;
        let outcome = self.shared.verdict(evaluation, policy, key, (&owner, &flow), epoch);
        let seen = Seen { flow: Some(&flow), owner: Some(&owner), begun };
        settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &outcome);
    }
}
