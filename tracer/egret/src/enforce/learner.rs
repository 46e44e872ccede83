//! The sink that learns: events in, rules out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use egret_enforcer::baseline::Gap;
use egret_exporters::sink::{DropReason, Receiver};
use egret_model::{Event, Timestamp};
use tokio::time::{Instant, timeout_at};

use super::book::Book;
use crate::baseline::Patience;

/// Who knows how many records were lost before they came to any sink.
pub(crate) type Losses = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Events that wait for a digest, about 350 bytes each. Beyond, nothing is learned from one without.
const WAITING: usize = 4096;
/// How long they do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the digest of what an event's process runs is being computed.
fn awaits_digest(event: &Event) -> bool {
    let executable = event.process.as_ref().map(|process| &process.executable);
    executable.is_some_and(|executable| executable.ordered.has_begun() && executable.sha256.get().is_none())
}

/// Learns until its queue is closed and empty, and writes the file as often as it is told to.
pub(crate) struct Learner {
    pub(crate) book: Arc<Book>,
    pub(crate) save_every: Duration,
    pub(crate) losses: Losses,
}

impl Learner {
    /// Its name as a sink.
    pub(crate) const NAME: &'static str = "baseline";

    pub(crate) async fn run(self, mut inbox: Receiver) {
        let mut watch = Watch::new(&inbox, &self.losses);
        let mut save = Instant::now() + self.save_every;
        let mut waiting = VecDeque::new();
        loop {
            match timeout_at(save, inbox.next()).await {
                Ok(Some(batch)) => {
                    self.learn(&batch, &mut waiting);
                    inbox.sent(inbox.in_hand());
                    if Instant::now() < save {
                        continue;
                    }
                }
                Ok(None) => break,
                Err(_) => {}
            }
            self.learn(&[], &mut waiting);
            self.save(&mut watch, &inbox, Patience::None);
            save = Instant::now() + self.save_every;
        }
        let rest: Vec<Event> = waiting.into_iter().map(|(event, _)| event).collect();
        self.book.learn(&rest);
        self.save(&mut watch, &inbox, Patience::Any);
    }

    /// Learns from events. Those that would be learned with a digest wait for it for a while.
    fn learn(&self, batch: &[Event], waiting: &mut VecDeque<(Event, Instant)>) {
        if !self.book.precision().sha256 {
            return self.book.learn(batch);
        }
        let now = Instant::now();
        let is_over = |(event, until): &(Event, Instant)| !awaits_digest(event) || *until <= now;
        let mut ready: Vec<Event> = Vec::new();
        for _ in 0..waiting.len() {
            match waiting.pop_front() {
                Some(over) if is_over(&over) => ready.push(over.0),
                held => waiting.extend(held),
            }
        }
        for event in batch {
            if waiting.len() < WAITING && awaits_digest(event) {
                waiting.push_back((event.clone(), now + PATIENCE));
            } else {
                ready.push(event.clone());
            }
        }
        self.book.learn(&ready);
    }

    fn save(&self, watch: &mut Watch, inbox: &Receiver, patience: Patience) {
        if let Some(gap) = watch.look(inbox, &self.losses) {
            self.book.lost(gap);
        }
        match self.book.save(patience, now()) {
            Ok(()) => {}
            Err(error @ crate::baseline::SaveError::Busy(_)) => tracing::debug!(%error, "baseline not saved"),
            Err(error) => tracing::error!(%error, "baseline not saved"),
        }
    }
}

/// Sees that events were lost since the last look, anywhere between the kernel and the learner.
struct Watch {
    since: Timestamp,
    lost: u64,
}

impl Watch {
    fn new(inbox: &Receiver, losses: &Losses) -> Self {
        Self { since: now(), lost: lost(inbox, losses) }
    }

    fn look(&mut self, inbox: &Receiver, losses: &Losses) -> Option<Gap> {
        let (from, to) = (std::mem::replace(&mut self.since, now()), now());
        let sum = lost(inbox, losses);
        let lost = sum.saturating_sub(std::mem::replace(&mut self.lost, sum));
        (lost > 0).then_some(Gap { from, to, lost })
    }
}

fn lost(inbox: &Receiver, losses: &Losses) -> u64 {
    losses() + inbox.ledger().account().dropped.of(DropReason::QueueFull)
}

/// Now, on the calendar.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
