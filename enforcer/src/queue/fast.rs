//! A fast lane: what was decided already.

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
use crate::judge::FindOwner;
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
        if owner.process.pid == self.shared.settings.own_pid {
            return Some(Decision::of_own(&self.shared.current.get(), self.shared.settings.marks));
        }
        let decision = self.shared.cache.get(&Key::new(owner, flow), self.shared.epoch(), now)?;
        one_more(&self.counts.hits);
        Some(decision)
    }
}
