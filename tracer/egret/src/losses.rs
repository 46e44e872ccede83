//! Says that records are lost while they are, rather than at the end alone.

use std::time::{Duration, Instant};

use egret_model::Tally;

/// After the first loss, what came since is said this often.
const INTERVAL: Duration = Duration::from_secs(60);

/// What was said of losses so far.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    said: u64,
    last: Option<Instant>,
}

impl Losses {
    /// Says what was lost since the last time, if something was and it is time to.
    pub(crate) fn look(&mut self, tally: &Tally) {
        self.said = self.said.min(tally.lost_total());
        let since = tally.lost_total() - self.said;
        if since == 0 || self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            return;
        }
        let most = tally.lost.iter().max_by_key(|loss| loss.count);
        let (stage, reason) = most.map_or(("", ""), |loss| (loss.stage.as_str(), loss.reason.as_str()));
        tracing::warn!(lost = since, total = tally.lost_total(), stage, reason, "records are being lost");
        (self.said, self.last) = (tally.lost_total(), Some(Instant::now()));
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
    fn first_loss_is_said_at_once_and_later_ones_after_a_while() {
        let mut losses = Losses::default();
        losses.look(&tally(0));
        assert_eq!(losses.said, 0);
        losses.look(&tally(3));
        assert_eq!(losses.said, 3);
        losses.look(&tally(9));
        assert_eq!(losses.said, 3);
        losses.last = losses.last.and_then(|last| last.checked_sub(INTERVAL));
        losses.look(&tally(9));
        assert_eq!(losses.said, 9);
    }
}
