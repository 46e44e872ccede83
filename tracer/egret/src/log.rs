//! Messages about egret itself: to standard error, so that they never mix with data.

mod journal;

use std::io::{self, IsTerminal};

use anyhow::{Context as _, Result};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// Takes the filter syntax of `tracing-subscriber`, such as `debug` or `egret_capture=trace`.
const VARIABLE: &str = "EGRET_LOG";

/// The log at work.
#[derive(Debug)]
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
}

/// Starts the log. Without `EGRET_LOG` in the environment warnings and errors are shown.
#[must_use]
pub fn start() -> Log {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("warn"));
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(filter);
    // Fails only if there is a log already, and then that one will do.
    let _ = if journal::is_stderr() {
        registry.with(lines.event_format(journal::Prefixed::default())).try_init()
    } else {
        registry.with(lines.without_time()).try_init()
    };
    Log { filter: handle }
}

impl Log {
    /// From now on shows what this filter lets through.
    ///
    /// # Errors
    ///
    /// The filter cannot be understood.
    pub fn filter(&self, filter: &str) -> Result<()> {
        let parsed =
            EnvFilter::try_new(filter).with_context(|| format!("cannot understand the log filter {filter:?}"))?;
        Ok(self.filter.reload(parsed)?)
    }
}
