//! The slow lane: what is not decided yet.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use egret_model::{Flow, Identity, Owner, Transport};
use nfq::Message;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::breaker::Breaker;
use super::cache::Key;
use super::counts::{Counts, one_more};
use super::decision::Decision;
use super::digests::Digests;
use super::parked::{For, Packet, Parked};
use super::shared::{Seen, Shared, settle};
use super::socket::{Received, Socket};
use super::wake::Wake;
use crate::ask::Questions;
use crate::baseline::Facts;
use crate::judge::{FindOwner, Identify, Judged, Policy, judge};
use crate::packet::{is_request, parse};

/// Packets that are read before those that are held are looked after.
const BATCH: usize = 64;

/// The slow lane.
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
    pub(super) parked: Parked,
}

/// What can be said of a packet now.
struct Considered {
    /// Nothing before the digest of the executable is known.
    judged: Option<Judged>,
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
        let begun = Instant::now();
        self.counts.missing.fetch_add(self.socket.missing(&message), Ordering::Relaxed);
        let Ok(flow) = parse(message.get_payload()) else {
            return self.settle_by(message, None, None, begun, Policy::unjudgeable);
        };
        // Such a packet comes here where tracking began in the middle of its connection, and takes it for the first.
        let is_in_the_middle = flow.transport == Transport::Tcp && !is_request(message.get_payload());
        if is_in_the_middle && self.finder.is_inbound(&flow) {
            let owner = self.finder.find(&flow);
            return self.settle_by(message, Some(&flow), owner.as_ref(), begun, Policy::inbound);
        }
        let Some(owner) = self.finder.find(&flow).or_else(|| self.finder.search(&flow)) else {
            let nobody = Identity::default();
            let facts = Facts::of_identity(&nobody, &flow);
            return self.settle_by(message, Some(&flow), None, begun, |policy| judge(policy, &facts, || None));
        };
        let key = Key::new(&owner, &flow);
        // It may have been decided since a fast lane looked.
        if let Some(decision) = self.shared.decided(&owner, &key, &self.counts, begun) {
            let seen = Seen { flow: Some(&flow), owner: Some(&owner), begun };
            return settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &decision);
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
        if packet.identity.inbound && !flow.transport.has_handshake() {
            // Connection tracking takes an answer from another address, or to a multicast query, for a new flow. The socket
            // knows better, and so does the learner, which has heard the peer speak first.
            let policy = self.shared.current.get();
            return self.finish(packet, policy.inbound(), &policy, None);
        }
        self.step(packet);
    }

    /// Settles a packet by what can be said at once.
    fn settle_by(
        &mut self,
        message: Message,
        flow: Option<&Flow>,
        owner: Option<&Owner>,
        begun: Instant,
        judged: impl FnOnce(&Policy) -> Judged,
    ) {
        let policy = self.shared.current.get();
        let decision = Decision::of(judged(&policy), &policy, self.shared.settings.marks);
        let seen = Seen { flow, owner, begun };
        settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &decision);
    }

    fn identity(&mut self, owner: &Owner, flow: &Flow) -> Option<Identity> {
        if !self.breaker.is_closed(Instant::now()) {
            return None;
        }
        let identity = self.identify.identify(owner, flow, self.shared.settings.identify_within);
        self.breaker.told(identity.is_some(), Instant::now());
        identity
    }

    /// Settles a packet, or holds it.
    fn step(&mut self, mut packet: Packet) {
        let now = Instant::now();
        let Considered { judged, policy, epoch } = self.consider(&packet);
        let settings = &self.shared.settings;
        let held = match &judged {
            None => (For::Digest, packet.begun + settings.digest_within),
            Some(judged) if judged.ask => (For::Answer, packet.begun + settings.hold),
            Some(_) => return self.finish_with(packet, judged, &policy, epoch),
        };
        let waits = if packet.is_held(held.0) { !packet.is_overdue(now) } else { self.order(&packet, held) };
        if !waits || !self.parked.has_room() {
            return self.finish_with(packet, judged, &policy, epoch);
        }
        if packet.held.is_none() {
            one_more(&self.counts.parked);
        }
        packet.held = Some(held);
        self.parked.hold(packet);
    }

    fn consider(&self, packet: &Packet) -> Considered {
        let epoch = self.shared.epoch();
        let policy = self.shared.current.get();
        let facts = Facts::of_identity(&packet.identity, &packet.flow);
        let judged = (!policy.awaits_digest(&packet.identity)).then(|| {
            let answered = || self.questions.answered(&facts);
            judge(&policy, &facts, answered)
        });
        Considered { judged, policy, epoch }
    }

    /// Asks for what a packet would be held for; whether it is worth waiting for that.
    fn order(&self, packet: &Packet, (what, until): (For, Instant)) -> bool {
        let is_ordered = match what {
            For::Digest => packet.identity.process.as_ref().is_some_and(|process| self.digests.order(process)),
            For::Answer => self.questions.ask(&Facts::of_identity(&packet.identity, &packet.flow)),
        };
        is_ordered && packet.begun < until
    }

    fn finish_with(&mut self, packet: Packet, judged: Option<Judged>, policy: &Policy, epoch: u64) {
        match judged {
            Some(judged) => self.finish(packet, judged, policy, Some(epoch)),
            None => self.finish(packet, policy.late(), policy, None),
        }
    }

    /// Settles a packet; what was decided in an epoch is remembered.
    fn finish(&mut self, packet: Packet, judged: Judged, policy: &Policy, epoch: Option<u64>) {
        let Packet { message, flow, owner, key, begun, .. } = packet;
        let decision = self.shared.decide(judged, policy, key, (&owner, &flow), epoch);
        let seen = Seen { flow: Some(&flow), owner: Some(&owner), begun };
        settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &decision);
    }
}
