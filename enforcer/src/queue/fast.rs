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
            let decision = Decision::of(&policy.unjudgeable(), &policy, self.shared.settings.marks);
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
        if owner.process.pid == self.shared.settings.own_pid {
            return Some(Decision::of_own(&self.shared.current.get(), self.shared.settings.marks));
        }
        let (key, epoch) = (Key::new(owner, flow), self.shared.epoch());
        if let Some(decision) = self.shared.decisions.get(&key, epoch, now) {
            one_more(&self.counts.hits);
            return Some(decision);
        }
        self.decide(owner, flow, key, epoch, now)
    }

    /// Decides about a process that is known, where it makes no difference which name it asked for.
    fn decide(&self, owner: &Owner, flow: &Flow, key: Key, epoch: u64, now: Instant) -> Option<Decision> {
        let identity = self.shared.identities.get(&key.who, epoch, now)?.identity();
        let policy = self.shared.current.get();
        if policy.awaited(&identity).is_some() {
            return None;
        }
        let judged = judge_without_name(&policy, &Facts::of_identity(&identity, flow))?;
        let decision = Decision::of(&judged, &policy, self.shared.settings.marks);
        self.shared.remember(&judged, &decision, key, (owner, flow), epoch);
        Some(decision)
    }
}
