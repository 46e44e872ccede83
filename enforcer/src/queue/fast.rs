//! The fast path: cached verdicts, and evaluations that need no waiting.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use egret_model::{Flow, Owner};
use nfq::{Message, Verdict};

use super::cache::Key;
use super::counts::{Counts, one_more};
use super::interfaces::Interfaces;
use super::packet_verdict::PacketVerdict;
use super::shared::{Seen, Shared, is_answer, send, settle};
use super::socket::{Received, Socket};
use crate::baseline::Facts;
use crate::evaluate::{FindOwner, evaluate_without_name};
use crate::fault;

/// A worker of the fast path.
pub(super) struct Fast {
    pub(super) socket: Socket,
    pub(super) finder: Box<dyn FindOwner>,
    pub(super) shared: Arc<Shared>,
    pub(super) counts: Arc<Counts>,
    pub(super) interfaces: Interfaces,
    /// The queue of the slow path.
    pub(super) slow: u16,
}

impl Fast {
    /// Two system calls a packet: to read it, and to settle it.
    pub(super) fn run(mut self) -> io::Result<()> {
        while !self.shared.stop_fast.load(Ordering::Relaxed) {
            if let Received::Packet(message) = self.socket.receive()? {
                self.take(message);
            }
        }
        self.socket.shut();
        loop {
            match self.socket.receive()? {
                Received::Packet(message) => self.take(message),
                Received::Other => {}
                Received::Empty => return self.socket.close(),
            }
        }
    }

    fn take(&mut self, message: Message) {
        fault::point("worker");
        let begun = Instant::now();
        self.counts.missing.fetch_add(self.socket.missing(&message), Ordering::Relaxed);
        let Ok(flow) = self.interfaces.flow(&message) else {
            let seen = Seen { flow: None, owner: None, begun };
            let policy = self.shared.current.get();
            let outcome = PacketVerdict::new(policy.unjudgeable(), &policy, self.shared.settings.marks);
            return settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &outcome);
        };
        let owner = self.finder.find(&flow);
        match owner.and_then(|owner| self.cached(&owner, &flow, begun)) {
            Some(outcome) => {
                let seen = Seen { flow: Some(&flow), owner: owner.as_ref(), begun };
                settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &outcome);
            }
            None => {
                one_more(&self.counts.deferred);
                send(&self.counts, &mut self.socket, message, Verdict::Queue(self.slow), None);
            }
        }
    }

    fn cached(&self, owner: &Owner, flow: &Flow, now: Instant) -> Option<PacketVerdict> {
        if is_answer(owner.inbound, flow) {
            let policy = self.shared.current.get();
            return Some(PacketVerdict::new(policy.inbound(), &policy, self.shared.settings.marks));
        }
        let key = Key::new(owner, flow);
        self.shared.cached(owner, &key, &self.counts, now).or_else(|| self.verdict(owner, flow, key, now))
    }

    /// The verdict on a process whose identity is cached, where the name that it asked for makes no difference.
    fn verdict(&self, owner: &Owner, flow: &Flow, key: Key, now: Instant) -> Option<PacketVerdict> {
        let epoch = self.shared.epoch();
        let identity = self.shared.identities.get(&key.who, epoch, now)?;
        let policy = self.shared.current.get();
        if policy.awaits_digest(&identity) {
            return None;
        }
        let evaluation = evaluate_without_name(&policy, &Facts::of_identity(&identity, flow))?;
        Some(self.shared.verdict(evaluation, &policy, key, (owner, flow), Some(epoch)))
    }
}
