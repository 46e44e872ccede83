//! Messages about egret itself: to standard error, so that they never mix with data. And spans about its work, for a
//! collector, if they are wanted.

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

/// Takes the filter syntax of `tracing-subscriber`, such as `debug` or `egret_capture=trace`.
const VARIABLE: &str = "EGRET_LOG";

/// The log at work.
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    spans: spans::Switch,
    repeats: Repeats,
}

impl Drop for Log {
    fn drop(&mut self) {
        self.say_rest();
    }
}

/// Starts the log. Without `EGRET_LOG` in the environment warnings and errors are shown.
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
    // Spans are not what lines are about; shown with each of them, they would only make them longer.
    let no_work = FilterFn::new(|metadata: &Metadata<'_>| metadata.target() != work::TARGET);
    let lines = lines.with_filter(filter.and(no_work.with_max_level_hint(LevelFilter::TRACE)).and(repeats.clone()));
    let (spans, switch) = spans::layer();
    // Fails only if there is a log already, and then that one will do.
    let _ = tracing_subscriber::registry().with(vec![lines.boxed(), spans]).try_init();
    Log { filter: handle, spans: switch, repeats }
}

impl Log {
    /// Says how many messages were not shown because they repeated others: before the sums, which are egret's last words.
    pub(crate) fn say_rest(&self) {
        self.repeats.rest(true).iter().for_each(|line| eprintln!("egret: {line}"));
    }

    /// From now on shows what this filter lets through.
    ///
    /// # Errors
    ///
    /// The filter cannot be understood.
    pub fn filter(&self, filter: &str) -> Result<()> {
        let parsed = log_filter(filter).with_context(|| format!("cannot understand the log filter {filter:?}"))?;
        Ok(self.filter.reload(parsed)?)
    }

    /// From now on has egret's own work traced by this, or not at all.
    ///
    /// # Errors
    ///
    /// The log broke down.
    pub fn trace_work(&self, tracer: Option<SdkTracer>) -> Result<()> {
        self.spans.set(tracer)
    }
}
