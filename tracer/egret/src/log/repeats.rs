//! Warnings and errors that come again and again: each is shown once in a while, with the count of those that were not.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

/// The same message is shown once in this time.
const INTERVAL: Duration = Duration::from_secs(10);
/// Messages of one place in the code that differ in their values: so many are shown in that time.
const OF_A_PLACE: u64 = 20;
/// Messages remembered, with what they say some 300 bytes each: 150 KiB. What finds no room is shown.
const REMEMBERED: usize = 512;

thread_local! {
    /// How many messages like the one that this thread is about to show were not shown.
    static NOT_SHOWN: Cell<u64> = const { Cell::new(0) };
}

/// What was shown lately.
#[derive(Clone, Default)]
pub(super) struct Repeats(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    hasher: RandomState,
    messages: HashMap<u64, Message>,
}

struct Message {
    since: Instant,
    shown: u64,
    not_shown: u64,
    text: String,
}

impl Repeats {
    /// What is still to be said of messages that were not shown: of all, or of those that came long enough ago.
    pub(super) fn rest(&self, all: bool) -> Vec<String> {
        let mut shown = self.lock();
        let mut lines = Vec::new();
        shown.messages.retain(|_, message| {
            let is_over = all || message.since.elapsed() >= INTERVAL;
            if is_over && message.not_shown > 0 {
                lines.push(format!("{} more messages like this were not shown: {}", message.not_shown, message.text));
            }
            !is_over
        });
        lines
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    /// Whether a message is shown now, and how many like it were not since the last that was.
    fn take(&mut self, key: u64, most: u64, text: &str, now: Instant) -> Option<u64> {
        if self.messages.len() >= REMEMBERED && !self.messages.contains_key(&key) {
            self.messages.retain(|_, message| message.not_shown > 0 || now - message.since < INTERVAL);
            if self.messages.len() >= REMEMBERED {
                return Some(0);
            }
        }
        let fresh = || Message { since: now, shown: 0, not_shown: 0, text: text.to_owned() };
        let message = self.messages.entry(key).or_insert_with(fresh);
        let mut not_shown = 0;
        if now.saturating_duration_since(message.since) >= INTERVAL {
            not_shown = message.not_shown;
            *message = fresh();
        }
        if message.shown >= most {
            message.not_shown += 1;
            return None;
        }
        message.shown += 1;
        Some(not_shown)
    }
}

impl<S> Filter<S> for Repeats {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        NOT_SHOWN.set(0);
        if *event.metadata().level() > Level::WARN {
            return true;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        let mut shown = self.lock();
        let (place, now) = (event.metadata().callsite(), Instant::now());
        let (same, similar) = (shown.hasher.hash_one((&place, &text.0)), shown.hasher.hash_one(&place));
        let Some(not_shown) = shown.take(same, 1, &text.0, now) else { return false };
        let Some(others) = shown.take(similar, OF_A_PLACE, &text.0, now) else { return false };
        NOT_SHOWN.set(not_shown + others);
        true
    }
}

/// What a message says.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{space}{value:?}"),
            name => write!(self.0, "{space}{name}={value:?}"),
        };
    }
}

/// Lines, with a further one for what was not shown.
pub(super) struct Counting<F> {
    pub(super) format: F,
    pub(super) repeats: Repeats,
    /// What further lines begin with.
    pub(super) prefix: &'static str,
}

impl<S, N, F> FormatEvent<S, N> for Counting<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let not_shown = NOT_SHOWN.take();
        for line in self.repeats.rest(false) {
            writeln!(writer, "{}{line}", self.prefix)?;
        }
        self.format.format_event(context, writer.by_ref(), event)?;
        if not_shown > 0 {
            writeln!(writer, "{}{not_shown} more messages like this were not shown since the last", self.prefix)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::{Layer as _, Registry, fmt as lines};

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(say: impl Fn(&Repeats)) -> Vec<String> {
        let (screen, repeats) = (Screen::default(), Repeats::default());
        let writer = screen.clone();
        let layer = lines::layer().with_writer(move || writer.clone()).with_ansi(false).without_time();
        let counting = repeats.clone();
        let layer = layer.map_event_format(|format| Counting { format, repeats: counting, prefix: "egret: " });
        let subscriber = Registry::default().with(layer.with_filter(repeats.clone()));
        tracing::subscriber::with_default(subscriber, || say(&repeats));
        let bytes = screen.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_warning_that_comes_again_is_shown_once_with_the_count_of_the_others() {
        let lines = shown(|repeats| {
            for _ in 0..401 {
                tracing::warn!(error = "no room", "record cannot be read");
            }
            for message in repeats.lock().messages.values_mut() {
                message.since -= INTERVAL;
            }
            tracing::warn!("another");
        });
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].contains("record cannot be read"), "{lines:?}");
        assert!(lines[1].contains("400 more messages") && lines[1].contains("record cannot be read"), "{lines:?}");
    }

    #[test]
    fn what_differs_is_shown_up_to_a_bound() {
        let lines = shown(|repeats| {
            for number in 0..100 {
                tracing::error!(number, "cannot do it");
            }
            let rest = repeats.rest(true);
            assert!(rest.len() == 1 && rest[0].starts_with("80 more"), "{rest:?}");
        });
        assert_eq!(lines.len(), 20);
    }

    #[test]
    fn what_is_no_warning_is_always_shown() {
        assert_eq!(shown(|_| (0..50).for_each(|_| tracing::info!("the same"))).len(), 50);
    }
}
