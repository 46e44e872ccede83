//! Restarts after panics, as long as these are rare.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::panics;

/// So many panics within [`WINDOW`] are too many.
const MAX_PANICS: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);

/// The panics of the last minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Panics(VecDeque<Instant>);

impl Panics {
    /// Counts a panic; says whether there were too many by now.
    pub(super) fn count(&mut self, now: Instant) -> bool {
        while self.0.front().is_some_and(|earlier| now.saturating_duration_since(*earlier) >= WINDOW) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() >= MAX_PANICS
    }
}

/// Panicked too often: what the last panic said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TooManyPanics(pub(super) String);

/// Calls `run` until it returns: again after each panic, with the number of restarts so far, unless there were too many.
pub(super) fn restarting<T>(
    mut run: impl FnMut(u64) -> T,
    mut now: impl FnMut() -> Instant,
) -> Result<T, TooManyPanics> {
    let mut panics = Panics::default();
    let mut restarts = 0;
    loop {
        // A restart checks everything that the call left behind.
        let payload = match catch_unwind(AssertUnwindSafe(|| run(restarts))) {
            Ok(returned) => return Ok(returned),
            Err(payload) => payload,
        };
        let message = panics::message(&*payload);
        if panics.count(now()) {
            return Err(TooManyPanics(message));
        }
        restarts += 1;
        tracing::error!(panic = message, restarts, "the controller panicked and is restarted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that goes on by so much each time it is read.
    fn clock(step: Duration) -> impl FnMut() -> Instant {
        let mut now = Instant::now();
        move || {
            now += step;
            now
        }
    }

    #[test]
    fn task_that_returns_is_not_restarted() {
        assert_eq!(restarting(|restarts| restarts, clock(WINDOW)), Ok(0));
    }

    #[test]
    fn rare_panics_always_restart() {
        let run = |restarts: u64| {
            assert!(restarts == 100, "panic {restarts}");
            restarts
        };
        assert_eq!(restarting(run, clock(WINDOW / 2)), Ok(100));
    }

    #[test]
    fn third_panic_within_a_minute_ends_the_restarts() {
        let mut runs = 0;
        let ended = restarting(
            |restarts| -> u64 {
                runs += 1;
                assert!(restarts > 10, "panic {restarts}");
                restarts
            },
            clock(Duration::from_secs(29)),
        );
        assert_eq!((ended, runs), (Err(TooManyPanics("panic 2".to_owned())), 3));
    }
}
