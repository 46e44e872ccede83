//! Pending events: events that wait for the verdict of their flow.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::Instant;

use egret_model::{ConnectionId, Event};

use super::{PATIENCE, Verdicts};
use crate::clock::boot_now;

/// Events that wait at once, 350 bytes each: 3 MB. Beyond, they go on without.
const WAITING: usize = 8192;

/// While more wait, events of which the verdict takes long wait no longer than others: whoever opens many such sockets holds
/// up no others.
const MANY_WAITING: usize = WAITING / 2;

/// Events that wait for the verdict on their flow, in order within each connection: while a packet of its flow is held, an event
/// waits on, and so does everything of its connection behind it.
#[derive(Default)]
pub struct PendingEvents {
    /// By connection, each with the time until which it waits at least.
    pub(super) waiting: HashMap<ConnectionId, VecDeque<(Instant, Event)>>,
    /// When the first event of a connection has waited for that long.
    due: BTreeSet<(Instant, ConnectionId)>,
    /// Events of all connections.
    pub(super) count: usize,
}

impl PendingEvents {
    /// Takes a batch, and gives what can go on: with its verdicts, and what has waited long enough.
    pub fn pass(&mut self, events: Vec<Event>, verdicts: &Verdicts) -> Vec<Event> {
        if !verdicts.evaluates.load(Ordering::Relaxed) && self.count == 0 {
            return events;
        }
        let now = Instant::now();
        let mut passed = self.release(now, verdicts);
        for mut event in events {
            verdicts.note_send(&event);
            let known = verdicts.put(&mut event);
            let waits = self.waiting.contains_key(&event.id)
                || !known && (verdicts.may_get_verdict(&event) || verdicts.is_held(&event, now));
            if waits && self.count < WAITING {
                self.wait(event, now);
            } else {
                passed.push(event);
            }
        }
        passed
    }

    /// When the next one has waited long enough.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(until, _)| *until)
    }

    /// All that wait, whether their verdict is known or not.
    pub fn flush(&mut self, verdicts: &Verdicts) -> Vec<Event> {
        self.count = 0;
        let due = std::mem::take(&mut self.due);
        let queues = due.into_iter().filter_map(|(_, connection)| self.waiting.remove(&connection));
        let all = queues.flatten().map(|(_, mut event)| {
            verdicts.put_at_last(&mut event);
            event
        });
        all.collect()
    }

    fn wait(&mut self, event: Event, now: Instant) {
        let until = now + PATIENCE;
        let queue = self.waiting.entry(event.id).or_default();
        if queue.is_empty() {
            self.due.insert((until, event.id));
        }
        queue.push_back((until, event));
        self.count += 1;
    }

    fn release(&mut self, now: Instant, verdicts: &Verdicts) -> Vec<Event> {
        let mut released = Vec::new();
        while let Some((_, connection)) = self.due.first().copied().filter(|(until, _)| *until <= now) {
            self.due.pop_first();
            let Some(mut queue) = self.waiting.remove(&connection) else { continue };
            let before = queue.len();
            let waits_long = self.count < MANY_WAITING;
            release_from(&mut queue, &mut released, verdicts, &Moment { now, boot_ns: boot_now(), waits_long });
            self.count -= before - queue.len();
            if let Some((until, _)) = queue.front() {
                self.due.insert((*until, connection));
                self.waiting.insert(connection, queue);
            }
        }
        released
    }
}

/// When events are released.
struct Moment {
    now: Instant,
    /// The same on the boot clock.
    boot_ns: u64,
    /// There is room to wait longer for verdicts that take long.
    waits_long: bool,
}

/// Releases the events of a connection up to the first that waits on.
fn release_from(
    queue: &mut VecDeque<(Instant, Event)>,
    released: &mut Vec<Event>,
    verdicts: &Verdicts,
    Moment { now, boot_ns, waits_long }: &Moment,
) {
    while let Some((until, mut event)) = queue.pop_front() {
        if until > *now {
            return queue.push_front((until, event));
        }
        // In this order: a flow that is not held any more has its verdict.
        let waits = verdicts.is_held(&event, *now) || *waits_long && verdicts.is_searched_for(&event, *boot_ns);
        if event.verdict.is_none() && !verdicts.put(&mut event) {
            if waits {
                return queue.push_front((*now + PATIENCE, event));
            }
            verdicts.put_at_last(&mut event);
        }
        released.push(event);
    }
}
