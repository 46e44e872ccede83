//! Progress of a long command: one line on a terminal, nothing in a pipe.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

/// Between two updates.
const PERIOD: Duration = Duration::from_millis(200);

/// A line on standard error that is overwritten.
#[derive(Debug)]
pub(super) struct Progress {
    /// The time of the next update; `None` for never.
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Shows nothing before the first period is over.
    pub(super) fn new() -> Self {
        Self { next: stderr().is_terminal().then(|| Instant::now() + PERIOD), shown: false }
    }

    /// Updates the line if a period is over.
    pub(super) fn update(&mut self, (begun, all): (usize, usize), events: u64) {
        if self.next.is_some_and(|next| next <= Instant::now()) {
            eprint!("\r\u{1b}[Khour {begun} of {all}, {events} events");
            self.shown = true;
            self.next = Some(Instant::now() + PERIOD);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\u{1b}[K");
        }
    }
}
