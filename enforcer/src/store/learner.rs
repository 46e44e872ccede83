//! Learns events: those whose process is not fully known yet wait for that, and losses are noted as gaps.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_model::{Event, Origin};

use super::baseline_store::BaselineStore;
use super::error::SaveError;
use super::file_store::Patience;
use crate::baseline::{Facts, Gap, Precision};
use crate::clock::{boot_now, now};

/// Events that wait for a digest or for the names of a container, about 350 bytes each: 1.5 MB. Half of them may be of one user.
/// Beyond, an event is learned as if it had neither.
const MAX_WAITING: usize = 4096;
/// How long an event waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// Learns events into a baseline store.
pub struct EventLearner {
    store: Arc<BaselineStore>,
    /// Events that wait, and until when.
    waiting: VecDeque<(Event, Instant)>,
    /// When losses were last noted, on the boot clock.
    since: u64,
    lost: u64,
}

impl EventLearner {
    /// Begins with so many events lost before.
    #[must_use]
    pub fn new(store: Arc<BaselineStore>, lost: u64) -> Self {
        Self { store, waiting: VecDeque::new(), since: boot_now(), lost }
    }

    /// Learns a batch of events, and those that have waited long enough.
    pub fn learn(&mut self, batch: &[Event]) {
        let precision = self.store.precision();
        if self.waiting.is_empty() && !batch.iter().any(|event| is_incomplete(event, precision)) {
            return self.store.learn(batch);
        }
        let now = Instant::now();
        let is_over = |(event, until): &(Event, Instant)| !is_incomplete(event, precision) || *until <= now;
        let mut ready: Vec<Event> = Vec::new();
        for _ in 0..self.waiting.len() {
            match self.waiting.pop_front() {
                Some(over) if is_over(&over) => ready.push(over.0),
                held => self.waiting.extend(held),
            }
        }
        let mut of_users: HashMap<Option<u32>, usize> = HashMap::new();
        self.waiting.iter().for_each(|(event, _)| *of_users.entry(user(event)).or_default() += 1);
        for event in batch {
            let of_user = of_users.entry(user(event)).or_default();
            let has_room = self.waiting.len() < MAX_WAITING && *of_user < MAX_WAITING / 2;
            if has_room && is_incomplete(event, precision) {
                *of_user += 1;
                self.waiting.push_back((event.clone(), now + PATIENCE));
            } else {
                ready.push(event.clone());
            }
        }
        self.store.learn(&ready);
    }

    /// Learns all events that wait, with what is known of their processes.
    pub fn flush(&mut self) {
        let rest: Vec<Event> = self.waiting.drain(..).map(|(event, _)| event).collect();
        self.store.learn(&rest);
    }

    /// Writes the file. `lost` is how many events were lost so far, anywhere between the kernel and here.
    pub fn save(&mut self, lost: u64, patience: Patience) {
        if let Some(gap) = self.gap(lost) {
            self.store.lost(gap);
        }
        match self.store.save(patience, now()) {
            Ok(()) => {}
            Err(error @ SaveError::Busy(_)) => tracing::debug!(%error, "baseline not saved"),
            Err(error) => tracing::error!(%error, "baseline not saved"),
        }
    }

    /// The interval since the last call, if events were lost in it.
    fn gap(&mut self, lost: u64) -> Option<Gap> {
        // By the calendar as it is now: an interval that began before the clock was set back would end before it begins.
        let (to, boot) = (now(), boot_now());
        let lasted = boot.saturating_sub(std::mem::replace(&mut self.since, boot));
        let from = to.shifted(i64::try_from(lasted).unwrap_or(i64::MAX).saturating_neg());
        let lost = lost.saturating_sub(std::mem::replace(&mut self.lost, lost));
        (lost > 0).then_some(Gap { from, to, lost })
    }
}

/// Whether the rule of an event needs something of its process that is still being determined: the digest of the executable, which
/// is the only identity of a file in memory, or the names of the container. A container may make its only connection at its start.
fn is_incomplete(event: &Event, precision: Precision) -> bool {
    let Some(process) = event.process.as_deref() else { return false };
    let executable = &process.executable;
    let needs_digest = precision.sha256 || executable.origin == Origin::Memory;
    let awaits_digest = needs_digest && executable.ordered.has_begun() && executable.sha256.get().is_none();
    (awaits_digest || process.awaits_container()) && Facts::of(event).is_some()
}

fn user(event: &Event) -> Option<u32> {
    event.process.as_ref().and_then(|process| process.uid)
}
