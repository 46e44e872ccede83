//! Brings requests to the collector, however often that takes.

use tokio::time::{Duration, Instant, sleep_until};

use super::client::{Accepted, Again, Client, Failure};
use super::retry::Backoff;
use super::{Error, Settings};
use crate::sink::DropReason;

/// Brings requests to the collector, one after the other.
#[derive(Debug)]
pub(super) struct Delivery {
    client: Client,
    retry_for: Duration,
    /// The collector asked for no request before this.
    not_before: Option<Instant>,
    /// The last request was not answered: its successor's answer is news.
    away: bool,
}

impl Delivery {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self { client: Client::new(settings)?, retry_for: settings.retry_for, not_before: None, away: false })
    }

    /// Sends a request until it is answered for good; what became of it.
    pub(super) async fn deliver(&mut self, request: Vec<u8>) -> Result<Accepted, DropReason> {
        let request = self.client.prepare(request);
        let deadline = Instant::now() + self.retry_for;
        let mut backoff = Backoff::default();
        loop {
            self.wait(deadline).await?;
            match self.client.export(request.clone()).await {
                Ok(accepted) => return Ok(self.came_through(accepted)),
                Err(Failure { reason, again: Again::Never }) => {
                    tracing::warn!(error = reason, "the collector refuses spans");
                    return Err(DropReason::Rejected);
                }
                Err(Failure { reason, again }) => self.failed(&reason, again, &mut backoff),
            }
        }
    }

    /// Waits until a request may be sent, or until there is no point in it any more.
    async fn wait(&mut self, deadline: Instant) -> Result<(), DropReason> {
        let Some(moment) = self.not_before else { return Ok(()) };
        if moment > deadline {
            sleep_until(deadline).await;
            tracing::warn!(tried_for = ?self.retry_for, "spans are dropped: the collector cannot be reached");
            return Err(DropReason::Unreachable);
        }
        sleep_until(moment).await;
        self.not_before = None;
        Ok(())
    }

    fn came_through(&mut self, accepted: Accepted) -> Accepted {
        if std::mem::take(&mut self.away) {
            tracing::info!("the collector takes spans again");
        }
        if accepted.rejected_spans > 0 || !accepted.message.is_empty() {
            let Accepted { rejected_spans, message } = &accepted;
            tracing::warn!(rejected_spans, message, "the collector has something to say about spans");
        }
        accepted
    }

    fn failed(&mut self, reason: &str, again: Again, backoff: &mut Backoff) {
        if !std::mem::replace(&mut self.away, true) {
            tracing::warn!(error = reason, "the collector does not take spans; they wait");
        }
        let asked = if let Again::After(delay) = again { delay } else { Duration::ZERO };
        self.not_before = Instant::now().checked_add(asked.saturating_add(backoff.next()));
    }
}
