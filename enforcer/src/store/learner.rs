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

#[cfg(test)]
mod tests {
    use std::fs;

    use egret_model::{EventName, Executable, Process, Transport, sample};
    use tempfile::TempDir;

    use super::super::BaselineSettings;
    use super::*;
    use crate::baseline::{Bounds, Thresholds};

    /// Asks for digests, which are not known yet.
    fn learner(place: &TempDir) -> EventLearner {
        let settings = BaselineSettings {
            file: place.path().join("baseline"),
            precision: Precision { sha256: true, ..Precision::default() },
            thresholds: Thresholds::default(),
            bounds: Bounds::default(),
            allow_failed: false,
        };
        EventLearner::new(Arc::new(BaselineStore::open(&settings, "here", true)), 0)
    }

    /// The first flow of a program whose digest was ordered.
    fn event(uid: u32, program: &str) -> Event {
        let executable = Executable { path: Some(program.into()), ..Executable::default() };
        executable.ordered.begin();
        let executable = Arc::new(executable);
        let (user, pid) = (Some(Arc::from(format!("user{uid}"))), uid);
        let process =
            Process { pid, start_time: None, parent_pid: None, executable, uid: Some(uid), user, cgroup: None };
        let mut event = sample::event();
        event.name = EventName::ConnectionOpen;
        event.transport = Some(Transport::Tcp);
        (event.inbound, event.preexisting, event.verdict, event.evaluation) = (false, false, None, None);
        event.process = Some(Arc::new(process));
        event
    }

    fn flood(learner: &mut EventLearner, uid: u32) {
        let events: Vec<Event> = (0..MAX_WAITING).map(|number| event(uid, &format!("/tmp/{uid}/{number}"))).collect();
        events.chunks(1000).for_each(|batch| learner.learn(batch));
    }

    fn waiting(learner: &EventLearner, uid: u32) -> usize {
        learner.waiting.iter().filter(|(event, _)| user(event) == Some(uid)).count()
    }

    fn text(learner: &mut EventLearner, place: &TempDir) -> String {
        learner.save(0, Patience::None);
        fs::read_to_string(place.path().join("baseline")).unwrap_or_default()
    }

    #[test]
    fn one_user_has_half_of_the_room_for_events_that_wait() {
        let place = tempfile::tempdir().unwrap();
        let mut learner = learner(&place);
        flood(&mut learner, 1000);
        assert_eq!(waiting(&learner, 1000), MAX_WAITING / 2);
        let ours = event(7, "/usr/bin/ours");
        learner.learn(std::slice::from_ref(&ours));
        assert_eq!(waiting(&learner, 7), 1, "another user's event has room");
        assert!(!text(&mut learner, &place).contains("ours"), "nothing is learned without the digest");
        let digest = ours.process.as_ref().unwrap();
        digest.executable.sha256.set(Some("07".repeat(32).into())).unwrap();
        learner.learn(&[]);
        assert_eq!(waiting(&learner, 7), 0);
        let text = text(&mut learner, &place);
        assert!(text.contains("exe=/usr/bin/ours sha256=0707"), "{text}");
        assert!(!text.contains("/tmp/1000"), "{text}");
    }

    #[test]
    fn events_that_wait_are_bounded_whoever_they_are_of() {
        let place = tempfile::tempdir().unwrap();
        let mut learner = learner(&place);
        for uid in 1000..1004 {
            flood(&mut learner, uid);
        }
        assert_eq!(learner.waiting.len(), MAX_WAITING);
        assert_eq!([1000, 1001, 1002].map(|uid| waiting(&learner, uid)), [MAX_WAITING / 2, MAX_WAITING / 2, 0]);
        learner.flush();
        assert!(learner.waiting.is_empty());
        assert!(!text(&mut learner, &place).contains("/tmp/"));
    }
}
