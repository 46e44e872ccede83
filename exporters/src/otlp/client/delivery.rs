//! Sends requests until the collector answers, with retries.

use tokio::time::{Duration, Instant, sleep_until};

use super::{Accepted, Client, Failure, Retry};
use crate::otlp::{Error, Settings};
use crate::sink::DropReason;

/// Upper limit of the delay before the first retry; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// Maximum delay, unless the collector asks for a longer one.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// Sends requests to the collector, one after the other.
#[derive(Debug)]
pub(crate) struct Delivery {
    client: Client,
    retry_for: Duration,
    /// The earliest time of the next request, after a failure.
    not_before: Option<Instant>,
    /// The last request failed; the next success is logged.
    failing: bool,
}

impl Delivery {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self { client: Client::new(settings)?, retry_for: settings.retry_for, not_before: None, failing: false })
    }

    /// Sends a request until the collector accepts or rejects it, or the retry limit is reached.
    pub(crate) async fn deliver(&mut self, request: Vec<u8>) -> Result<Accepted, DropReason> {
        let request = self.client.prepare(request);
        let deadline = Instant::now() + self.retry_for;
        let mut backoff = Backoff::default();
        loop {
            self.wait(deadline).await?;
            match self.client.export(request.clone()).await {
                Ok(accepted) => return Ok(self.succeeded(accepted)),
                Err(Failure { reason, retry: Retry::Never }) => {
                    tracing::warn!(error = reason, "the collector rejects spans");
                    return Err(DropReason::Rejected);
                }
                Err(Failure { reason, retry }) => self.failed(&reason, retry, &mut backoff),
            }
        }
    }

    /// Waits until the next request may be sent; fails at the deadline.
    async fn wait(&mut self, deadline: Instant) -> Result<(), DropReason> {
        let Some(time) = self.not_before else { return Ok(()) };
        if time > deadline {
            sleep_until(deadline).await;
            tracing::warn!(tried_for = ?self.retry_for, "spans are dropped: the collector is unreachable");
            return Err(DropReason::Unreachable);
        }
        sleep_until(time).await;
        self.not_before = None;
        Ok(())
    }

    fn succeeded(&mut self, accepted: Accepted) -> Accepted {
        if std::mem::take(&mut self.failing) {
            tracing::info!("the collector accepts spans again");
        }
        if accepted.rejected_spans > 0 || !accepted.message.is_empty() {
            let Accepted { rejected_spans, message } = &accepted;
            tracing::warn!(rejected_spans, message, "the collector accepted spans partly or with a warning");
        }
        accepted
    }

    fn failed(&mut self, reason: &str, retry: Retry, backoff: &mut Backoff) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(error = reason, "cannot send spans to the collector, they wait");
        }
        let requested = if let Retry::After(delay) = retry { delay } else { Duration::ZERO };
        self.not_before = Instant::now().checked_add(requested.saturating_add(backoff.next()));
    }
}

/// Exponential back-off with full jitter, so that after an outage the hosts do not all reconnect to the collector at once
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
#[derive(Debug, Default)]
struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next delay, between zero and a limit that doubles with each attempt.
    fn next(&mut self) -> Duration {
        let limit = max_delay(self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        limit.mul_f64(rand::random())
    }
}

fn max_delay(attempts: u32) -> Duration {
    FIRST_DELAY.saturating_mul(2_u32.saturating_pow(attempts)).min(MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_a_limit() {
        assert_eq!(max_delay(0), FIRST_DELAY);
        assert_eq!(max_delay(1), 2 * FIRST_DELAY);
        assert_eq!(max_delay(6), MAX_DELAY);
        assert_eq!(max_delay(u32::MAX), MAX_DELAY);
    }

    #[test]
    fn delays_are_spread_over_the_whole_range() {
        let first: Vec<_> = (0..1000).map(|_| Backoff::default().next()).collect();
        assert!(first.iter().all(|delay| *delay <= FIRST_DELAY));
        assert!(first.iter().any(|delay| *delay < FIRST_DELAY / 4));
        assert!(first.iter().any(|delay| *delay > FIRST_DELAY * 3 / 4));
    }
}
