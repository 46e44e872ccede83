//! Progress for people who wait: one line on a terminal, nothing in a pipe.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

/// Between two lines: often enough to see it move.
const PERIOD: Duration = Duration::from_millis(200);

/// A line on standard error that is written over and over.
#[derive(Debug)]
pub(super) struct Progress {
    /// When to write the next; `None` for never.
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Nothing is shown unless it takes a while.
    pub(super) fn new() -> Self {
        Self { next: stderr().is_terminal().then(|| Instant::now() + PERIOD), shown: false }
    }

    /// Shows how far it is, if it is time to.
    pub(super) fn tell(&mut self, (begun, all): (usize, usize), events: u64) {
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
