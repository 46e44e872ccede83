//! egret's own messages, on standard error so that they do not mix with data, and spans about its own work.

mod journal;
mod repeats;
mod spans;

use std::io::{self, IsTerminal};

use anyhow::{Context as _, Result};
use egret_config::log_filter;
use egret_model::work;
use opentelemetry_sdk::trace::SdkTracer;
use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt as _, FilterFn, LevelFilter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt, reload};

use repeats::{Counting, Repeats};

/// A filter in the syntax of `tracing-subscriber`, such as `debug` or `egret_capture=trace`.
const VARIABLE: &str = "EGRET_LOG";

/// A handle of the running log.
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    spans: spans::Switch,
    repeats: Repeats,
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush_repeats();
    }
}

/// Starts the log. Without `EGRET_LOG` it shows warnings and errors.
#[must_use]
pub fn start() -> Log {
    let filter =
        std::env::var(VARIABLE).ok().and_then(|text| log_filter(&text)).unwrap_or_else(|| EnvFilter::new("warn"));
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let repeats = Repeats::default();
    let counting = repeats.clone();
    let lines = if journal::is_stderr() {
        let format = journal::Prefixed::default();
        lines.event_format(Counting { format, repeats: counting, prefix: "<4>" }).boxed()
    } else {
        let lines = lines.without_time();
        lines.map_event_format(|format| Counting { format, repeats: counting, prefix: "egret: " }).boxed()
    };
    // Spans would only make the lines longer.
    let no_work = FilterFn::new(|metadata: &Metadata<'_>| metadata.target() != work::TARGET);
    let lines = lines.with_filter(filter.and(no_work.with_max_level_hint(LevelFilter::TRACE)).and(repeats.clone()));
    let (spans, switch) = spans::layer();
    // Fails only if a log is already installed, which is fine.
    let _ = tracing_subscriber::registry().with(vec![lines.boxed(), spans]).try_init();
    Log { filter: handle, spans: switch, repeats }
}

impl Log {
    /// Reports how many repeated messages were suppressed. Call it before the final sums.
    pub(crate) fn flush_repeats(&self) {
        self.repeats.suppressed_lines(true).iter().for_each(|line| eprintln!("egret: {line}"));
    }

    /// Sets the filter.
    ///
    /// # Errors
    ///
    /// The filter is invalid.
    pub fn filter(&self, filter: &str) -> Result<()> {
        let parsed = log_filter(filter).with_context(|| format!("invalid log filter {filter:?}"))?;
        Ok(self.filter.reload(parsed)?)
    }

    /// Sets the tracer of egret's own work; `None` turns tracing off.
    ///
    /// # Errors
    ///
    /// The log no longer exists.
    pub fn trace_work(&self, tracer: Option<SdkTracer>) -> Result<()> {
        self.spans.set(tracer)
    }
}
