//! The sink that learns: events in, rules out.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use egret_capture::host::boot_now;
use egret_enforcer::baseline::Gap;
use egret_enforcer::mode::Now;
use egret_exporters::sink::{DropReason, Receiver};
use egret_model::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::book::Book;
use crate::baseline::Patience;

/// Who knows how many records were lost before they came to any sink.
pub(crate) type Losses = Arc<dyn Fn() -> u64 + Send + Sync>;

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
        loop {
            match timeout_at(save, inbox.next()).await {
                Ok(Some(batch)) => {
                    self.book.learn(&batch);
                    inbox.sent(inbox.in_hand());
                    if Instant::now() < save {
                        continue;
                    }
                }
                Ok(None) => break,
                Err(_) => {}
            }
            self.save(&mut watch, &inbox, Patience::None);
            save = Instant::now() + self.save_every;
        }
        self.save(&mut watch, &inbox, Patience::Any);
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
    /// When the last look was, on the boot clock.
    since: u64,
    lost: u64,
}

impl Watch {
    fn new(inbox: &Receiver, losses: &Losses) -> Self {
        Self { since: boot_now(), lost: lost(inbox, losses) }
    }

    fn look(&mut self, inbox: &Receiver, losses: &Losses) -> Option<Gap> {
        // By the calendar as it is now: an interval that was begun before the clock was set back would end before it begins.
        let (to, looked) = (now(), boot_now());
        let lasted = looked.saturating_sub(std::mem::replace(&mut self.since, looked));
        let from = to.shifted(i64::try_from(lasted).unwrap_or(i64::MAX).saturating_neg());
        let sum = lost(inbox, losses);
        let lost = sum.saturating_sub(std::mem::replace(&mut self.lost, sum));
        (lost > 0).then_some(Gap { from, to, lost })
    }
}

fn lost(inbox: &Receiver, losses: &Losses) -> u64 {
    losses() + inbox.ledger().account().dropped.of(DropReason::QueueFull)
}

/// Now, on both clocks.
pub(super) fn moment() -> Now {
    Now { calendar: now(), boot: Duration::from_nanos(boot_now()) }
}

/// Now, on the calendar.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
