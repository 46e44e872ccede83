//! Verdicts on their way to the events of the same flows.
//!
//! The packet path notes what it said of which socket; the thread that enriches events puts it on those that are about the
//! flow, and waits a moment for what is still to be said.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use egret_enforcer::judge::Audit;
use egret_enforcer::mode::Pairs;
use egret_model::{ConnectionId, Event, EventName, Flow, Judgement, Owner, Transport, Verdict};
use lru::LruCache;

/// Verdicts remembered, the longest unused going first; some 150 bytes each: 2.5 MB. An event comes soon after its verdict.
const VERDICTS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// How long an event waits for its verdict: it was told of before the packet left.
const PATIENCE: Duration = Duration::from_millis(100);

/// Events that wait at once, 350 bytes each: 3 MB. Beyond, they go on without.
const WAITING: usize = 8192;

/// A flow: its socket, and the other end.
type Key = (u64, SocketAddr);

/// What was said of which flow.
pub(crate) struct Verdicts {
    said: Mutex<LruCache<Key, (Verdict, Arc<Judgement>)>>,
    /// Packets are judged.
    judging: AtomicBool,
    /// Different pairs of program and destination that were blocked.
    pairs: Mutex<Pairs>,
    started: Instant,
    /// Over how long a pair counts once.
    window: Mutex<Duration>,
    /// Flows that passed without coming to a queue.
    granted: AtomicU64,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self {
            said: Mutex::new(LruCache::new(VERDICTS)),
            judging: AtomicBool::new(false),
            pairs: Mutex::default(),
            started: Instant::now(),
            window: Mutex::new(Duration::from_secs(60)),
            granted: AtomicU64::new(0),
        }
    }
}

impl Audit for Verdicts {
    fn judged(&self, owner: Option<&Owner>, flow: Option<&Flow>, verdict: Verdict, judgement: &Arc<Judgement>) {
        let Some((owner, flow)) = owner.zip(flow) else { return };
        if owner.cookie != 0 {
            lock(&self.said).put((owner.cookie, flow.peer), (verdict, Arc::clone(judgement)));
        }
    }
}

impl Verdicts {
    /// Says whether there are verdicts to wait for.
    pub(super) fn set_judging(&self, judging: bool) {
        self.judging.store(judging, Ordering::Relaxed);
    }

    /// Says over how long a pair of program and destination counts once.
    pub(super) fn set_window(&self, window: Duration) {
        *lock(&self.window) = window;
    }

    /// How many different pairs of program and destination were blocked.
    pub(super) fn blocked_pairs(&self) -> u64 {
        lock(&self.pairs).count()
    }

    /// How many flows passed in the kernel.
    pub(super) fn granted(&self) -> u64 {
        self.granted.load(Ordering::Relaxed)
    }

    /// Puts on an event what was said of its flow; says whether that is known.
    fn put(&self, event: &mut Event) -> bool {
        if event.verdict.is_some() {
            if event.name == EventName::ConnectionOpen {
                self.granted.fetch_add(1, Ordering::Relaxed);
            }
            return true;
        }
        let Some(address) = event.peer.address else { return false };
        let key = (event.id.socket, SocketAddr::new(address, event.peer.port.unwrap_or(0)));
        let Some((verdict, judgement)) = lock(&self.said).get(&key).cloned() else { return false };
        event.verdict = Some(verdict);
        event.judgement = Some(judgement);
        if verdict == Verdict::Block && begins(event) {
            self.note_blocked(event);
        }
        true
    }

    fn note_blocked(&self, event: &Event) {
        let program = event.process.as_ref().and_then(|process| process.executable.path.clone());
        let name = event.server.as_ref().map(|server| Arc::clone(&server.name));
        let address = event.peer.address.filter(|_| name.is_none());
        let window = *lock(&self.window);
        lock(&self.pairs).note((program, name, address, event.peer.port), self.started.elapsed(), window);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an event is the first of a flow that this host began.
fn begins(event: &Event) -> bool {
    !event.inbound
        && !event.standing
        && matches!(event.name, EventName::ConnectionOpen | EventName::ConnectionFailed | EventName::DatagramSend)
}

/// Events that wait for the verdict on their flow, in order within each connection.
#[derive(Default)]
pub(crate) struct Pen {
    waiting: VecDeque<(Instant, Event)>,
    /// Events by connection among them.
    held: HashMap<ConnectionId, usize>,
}

impl Pen {
    /// Takes a batch, and gives what can go on: with its verdicts, and what has waited long enough.
    pub(crate) fn pass(&mut self, events: Vec<Event>, verdicts: &Verdicts) -> Vec<Event> {
        if !verdicts.judging.load(Ordering::Relaxed) && self.waiting.is_empty() {
            return events;
        }
        let now = Instant::now();
        let mut passed = self.release(now, verdicts);
        for mut event in events {
            let known = verdicts.put(&mut event);
            let waits = self.held.contains_key(&event.id) || !known && may_be_judged_yet(&event);
            if waits && self.waiting.len() < WAITING {
                *self.held.entry(event.id).or_default() += 1;
                self.waiting.push_back((now + PATIENCE, event));
            } else {
                passed.push(event);
            }
        }
        passed
    }

    /// When the next one has waited long enough.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.waiting.front().map(|(until, _)| *until)
    }

    /// All that wait, whether their verdict is known or not.
    pub(crate) fn empty(&mut self, verdicts: &Verdicts) -> Vec<Event> {
        self.held.clear();
        let all = std::mem::take(&mut self.waiting);
        all.into_iter().map(|(_, event)| with_verdict(event, verdicts)).collect()
    }

    fn release(&mut self, now: Instant, verdicts: &Verdicts) -> Vec<Event> {
        let mut released = Vec::new();
        while self.waiting.front().is_some_and(|(until, _)| *until <= now) {
            let Some((_, event)) = self.waiting.pop_front() else { break };
            if let Some(count) = self.held.get_mut(&event.id) {
                *count -= 1;
                if *count == 0 {
                    self.held.remove(&event.id);
                }
            }
            released.push(with_verdict(event, verdicts));
        }
        released
    }
}

fn with_verdict(mut event: Event, verdicts: &Verdicts) -> Event {
    if event.verdict.is_none() {
        verdicts.put(&mut event);
    }
    event
}

/// Datagrams are told of before they leave; connections with a handshake, and what fails, after their first packet went on,
/// which it does once its verdict is noted. What stays within the host may not be judged at all, and is not worth waiting
/// for.
fn may_be_judged_yet(event: &Event) -> bool {
    let by_datagrams = event.transport.is_some_and(|transport: Transport| !transport.has_handshake());
    by_datagrams
        && begins(event)
        && event.name != EventName::ConnectionFailed
        && event.peer.address.is_some_and(|address| !address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use egret_model::{Attribution, ProcessId, Reason};

    use super::*;
    use crate::sample;

    fn datagram(socket: u64, name: EventName) -> Event {
        let mut event = sample::event();
        event.id = ConnectionId { socket, opened: 1 };
        event.name = name;
        event.transport = Some(Transport::Udp);
        event.peer.address = Some([192, 0, 2, 1].into());
        event.peer.port = Some(53);
        (event.inbound, event.standing, event.verdict, event.judgement) = (false, false, None, None);
        event
    }

    fn judge(verdicts: &Verdicts, socket: u64, verdict: Verdict) {
        let process = ProcessId { pid: 1, uid: 0, start_ns: 1, exec_id: 1, cgroup_id: 1, parent_pid: 0 };
        let owner = Owner { process, cookie: socket, attribution: Attribution::Diag };
        let local = SocketAddr::from(([192, 0, 2, 9], 4000));
        let flow = Flow { transport: Transport::Udp, local, peer: SocketAddr::from(([192, 0, 2, 1], 53)) };
        let judgement =
            Judgement { reason: Reason::NoRule, rule: None, attribution: Attribution::Diag, duration_ns: Some(1) };
        verdicts.judged(Some(&owner), Some(&flow), verdict, &Arc::new(judgement));
    }

    #[test]
    fn a_verdict_that_comes_later_is_waited_for_and_order_is_kept() {
        let (verdicts, mut pen) = (Verdicts::default(), Pen::default());
        verdicts.set_judging(true);
        let events = vec![datagram(7, EventName::DatagramSend), datagram(7, EventName::ConnectionClose)];
        assert!(pen.pass(events, &verdicts).is_empty());
        judge(&verdicts, 7, Verdict::Block);
        sleep(PATIENCE);
        let passed = pen.pass(Vec::new(), &verdicts);
        let seen: Vec<_> = passed.iter().map(|event| (event.name, event.verdict)).collect();
        let blocked = Some(Verdict::Block);
        assert_eq!(seen, [(EventName::DatagramSend, blocked), (EventName::ConnectionClose, blocked)]);
        assert_eq!((verdicts.blocked_pairs(), pen.next()), (1, None));
    }

    #[test]
    fn what_was_judged_before_goes_on_at_once() {
        let (verdicts, mut pen) = (Verdicts::default(), Pen::default());
        verdicts.set_judging(true);
        judge(&verdicts, 7, Verdict::Allow);
        let passed = pen.pass(vec![datagram(7, EventName::DatagramSend)], &verdicts);
        assert_eq!(passed[0].judgement.as_ref().map(|judgement| judgement.reason), Some(Reason::NoRule));
    }

    #[test]
    fn where_nothing_is_judged_nothing_waits() {
        let (verdicts, mut pen) = (Verdicts::default(), Pen::default());
        assert_eq!(pen.pass(vec![datagram(7, EventName::DatagramSend)], &verdicts).len(), 1);
    }

    #[test]
    fn at_the_end_all_go_on() {
        let (verdicts, mut pen) = (Verdicts::default(), Pen::default());
        verdicts.set_judging(true);
        pen.pass(vec![datagram(7, EventName::DatagramSend)], &verdicts);
        assert_eq!(pen.empty(&verdicts).len(), 1);
    }
}
