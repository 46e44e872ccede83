//! A fast lane: what was decided already, and what can be without asking anybody.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use egret_model::{Flow, Owner};
use nfq::{Message, Verdict};

use super::cache::Key;
use super::counts::{Counts, one_more};
use super::decision::Decision;
use super::shared::{Seen, Shared, send, settle};
use super::socket::{Received, Socket};
use crate::baseline::Facts;
use crate::judge::{FindOwner, judge_without_name};
use crate::packet::parse;

/// A fast lane.
pub(super) struct Fast {
    pub(super) socket: Socket,
    pub(super) finder: Box<dyn FindOwner>,
    pub(super) shared: Arc<Shared>,
    pub(super) counts: Arc<Counts>,
    /// The slow lane's queue.
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
        let begun = Instant::now();
        self.counts.missing.fetch_add(self.socket.missing(&message), Ordering::Relaxed);
        let Ok(flow) = parse(message.get_payload()) else {
            let seen = Seen { flow: None, owner: None, begun };
            let policy = self.shared.current.get();
            let decision = Decision::of(policy.unjudgeable(), &policy, self.shared.settings.marks);
            return settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &decision);
        };
        let owner = self.finder.find(&flow);
        match owner.and_then(|owner| self.decided(&owner, &flow, begun)) {
            Some(decision) => {
                let seen = Seen { flow: Some(&flow), owner: owner.as_ref(), begun };
                settle(&self.shared, &self.counts, &mut self.socket, message, &seen, &decision);
            }
            None => {
                one_more(&self.counts.deferred);
                send(&self.counts, &mut self.socket, message, Verdict::Queue(self.slow), None);
            }
        }
    }

    fn decided(&self, owner: &Owner, flow: &Flow, now: Instant) -> Option<Decision> {
        let key = Key::new(owner, flow);
        self.shared.decided(owner, &key, &self.counts, now).or_else(|| self.decide(owner, flow, key, now))
    }

    /// Decides about a process that is known, where it makes no difference which name it asked for.
    fn decide(&self, owner: &Owner, flow: &Flow, key: Key, now: Instant) -> Option<Decision> {
        let epoch = self.shared.epoch();
        let identity = self.shared.identities.get(&key.who, epoch, now)?;
        let policy = self.shared.current.get();
        if policy.awaits_digest(&identity) {
            return None;
        }
        let judged = judge_without_name(&policy, &Facts::of_identity(&identity, flow))?;
        Some(self.shared.decide(judged, &policy, key, (owner, flow), Some(epoch)))
    }
}
