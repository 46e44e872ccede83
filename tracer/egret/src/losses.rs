//! Reports losses while egret runs.

use std::time::{Duration, Instant};

use egret_model::Tally;

/// Interval of reports after the first loss.
const INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Losses {
    reported: u64,
    last: Option<Instant>,
}

impl Losses {
    /// Reports new losses, if the interval is over.
    pub(crate) fn tick(&mut self, tally: &Tally) {
        self.reported = self.reported.min(tally.lost_total());
        let since = tally.lost_total() - self.reported;
        if since == 0 || self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            return;
        }
        let most = tally.lost.iter().max_by_key(|loss| loss.count);
        let (stage, reason) = most.map_or(("", ""), |loss| (loss.stage.as_str(), loss.reason.as_str()));
        tracing::warn!(lost = since, total = tally.lost_total(), stage, reason, "records are being lost");
        (self.reported, self.last) = (tally.lost_total(), Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use egret_model::{Loss, LossReason, LossStage};

    use super::*;

    fn tally(count: u64) -> Tally {
        let lost = vec![Loss { stage: LossStage::Queue, reason: LossReason::QueueFull, count }];
        Tally { lost, ..Tally::default() }
    }

    #[test]
    fn first_loss_is_reported_at_once_and_later_ones_at_the_interval() {
        let mut losses = Losses::default();
        losses.tick(&tally(0));
        assert_eq!(losses.reported, 0);
        losses.tick(&tally(3));
        assert_eq!(losses.reported, 3);
        losses.tick(&tally(9));
        assert_eq!(losses.reported, 3);
        losses.last = losses.last.and_then(|last| last.checked_sub(INTERVAL));
        losses.tick(&tally(9));
        assert_eq!(losses.reported, 9);
    }
}
