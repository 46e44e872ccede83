//! Suppresses repeated warnings and errors: each is shown once in an interval, with the number of suppressed ones.

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

const INTERVAL: Duration = Duration::from_secs(10);
/// Most messages of one call site with different values in an interval.
const PER_CALLSITE: u64 = 20;
/// Most messages that are tracked, some 300 bytes each: 150 KiB. Further messages are always shown.
const MAX_MESSAGES: usize = 512;

thread_local! {
    /// Suppressed messages like the one that this thread is about to show.
    static SUPPRESSED: Cell<u64> = const { Cell::new(0) };
}

/// Recently shown messages.
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
    suppressed: u64,
    text: String,
}

impl Repeats {
    /// Lines about suppressed messages: about all, or those whose interval is over.
    pub(super) fn suppressed_lines(&self, all: bool) -> Vec<String> {
        let mut shown = self.lock();
        let mut lines = Vec::new();
        shown.messages.retain(|_, message| {
            let is_over = all || message.since.elapsed() >= INTERVAL;
            if is_over && message.suppressed > 0 {
                lines.push(format!("{} more messages like this were not shown: {}", message.suppressed, message.text));
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
    /// Records a message. `None` if it is suppressed, else the number suppressed since the last one shown.
    fn take(&mut self, key: u64, most: u64, text: &str, now: Instant) -> Option<u64> {
        if self.messages.len() >= MAX_MESSAGES && !self.messages.contains_key(&key) {
            self.messages.retain(|_, message| message.suppressed > 0 || now - message.since < INTERVAL);
            if self.messages.len() >= MAX_MESSAGES {
                return Some(0);
            }
        }
        let fresh = || Message { since: now, shown: 0, suppressed: 0, text: text.to_owned() };
        let message = self.messages.entry(key).or_insert_with(fresh);
        let mut suppressed = 0;
        if now.saturating_duration_since(message.since) >= INTERVAL {
            suppressed = message.suppressed;
            *message = fresh();
        }
        if message.shown >= most {
            message.suppressed += 1;
            return None;
        }
        message.shown += 1;
        Some(suppressed)
    }
}

impl<S> Filter<S> for Repeats {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        SUPPRESSED.set(0);
        if *event.metadata().level() > Level::WARN {
            return true;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        let mut shown = self.lock();
        let (callsite, now) = (event.metadata().callsite(), Instant::now());
        let (same, similar) = (shown.hasher.hash_one((&callsite, &text.0)), shown.hasher.hash_one(&callsite));
        let Some(suppressed) = shown.take(same, 1, &text.0, now) else { return false };
        let Some(others) = shown.take(similar, PER_CALLSITE, &text.0, now) else { return false };
        SUPPRESSED.set(suppressed + others);
        true
    }
}

/// The text of a message with its fields.
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

/// A format that adds a line about suppressed messages.
pub(super) struct Counting<F> {
    pub(super) format: F,
    pub(super) repeats: Repeats,
    /// Prefix of added lines.
    pub(super) prefix: &'static str,
}

impl<S, N, F> FormatEvent<S, N> for Counting<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let suppressed = SUPPRESSED.take();
        for line in self.repeats.suppressed_lines(false) {
            writeln!(writer, "{}{line}", self.prefix)?;
        }
        self.format.format_event(context, writer.by_ref(), event)?;
        if suppressed > 0 {
            writeln!(writer, "{}{suppressed} more messages like this were not shown since the last", self.prefix)?;
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
    fn repeated_warning_is_shown_once_with_the_number_suppressed() {
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
    fn similar_messages_are_shown_up_to_a_bound() {
        let lines = shown(|repeats| {
            for number in 0..100 {
                tracing::error!(number, "cannot do it");
            }
            let lines = repeats.suppressed_lines(true);
            assert!(lines.len() == 1 && lines[0].starts_with("80 more"), "{lines:?}");
        });
        assert_eq!(lines.len(), 20);
    }

    #[test]
    fn messages_below_warning_are_never_suppressed() {
        assert_eq!(shown(|_| (0..50).for_each(|_| tracing::info!("the same"))).len(), 50);
    }
}
