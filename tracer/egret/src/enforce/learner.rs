//! The learner: the sink that adds rules to the baseline.

use std::sync::Arc;
use std::time::Duration;

use egret_enforcer::store::{BaselineStore, EventLearner, Patience};
use egret_exporters::sink::{DropReason, Receiver};
use tokio::time::{Instant, timeout_at};

/// Returns the number of records lost before the sinks.
pub(crate) type Losses = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How long the last save waits for the file lock of another program.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Learns until its queue is closed and empty, and saves the file at an interval.
pub(crate) struct Learner {
    pub(crate) baseline: Arc<BaselineStore>,
    pub(crate) save_every: Duration,
    pub(crate) losses: Losses,
}

impl Learner {
    pub(crate) const NAME: &'static str = "baseline";

    pub(crate) async fn run(self, mut inbox: Receiver) {
        let Self { baseline, save_every, losses } = self;
        let lost = |inbox: &Receiver| losses() + inbox.ledger().account().dropped.get(DropReason::QueueFull);
        let mut learner = EventLearner::new(baseline, lost(&inbox));
        let mut save = Instant::now() + save_every;
        loop {
            match timeout_at(save, inbox.next()).await {
                Ok(Some(batch)) => {
                    learner.learn(&batch);
                    inbox.sent(inbox.in_hand());
                    if Instant::now() < save {
                        continue;
                    }
                }
                Ok(None) => break,
                Err(_) => {}
            }
            learner.learn(&[]);
            learner.save(lost(&inbox), Patience::None);
            save = Instant::now() + save_every;
        }
        learner.flush();
        learner.save(lost(&inbox), Patience::For(END_WITHIN));
    }
}
