//! The resolved arguments of `egret trace`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use egret_config::{Choice, duration, ring_bytes};
use egret_model::{ArgumentsForm, EventName, Layer};
use egret_view::ColorChoice;
use egret_view::filter::Filter;
use egret_view::sums::SumOptions;

use super::choice::Format;
use super::cli::TraceArgs;
use super::problem::{Problem, Problems};
use super::value;

/// The default interval of totals of open connections.
pub const TOTALS: Duration = Duration::from_secs(10);

/// The resolved arguments of `egret trace`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    pub format: Format,
    pub arguments: ArgumentsForm,
    pub color: ColorChoice,
    /// Stop after this time, which is longer than zero.
    pub duration: Option<Duration>,
    /// List preexisting connections.
    pub preexisting: bool,
    /// The capture layer to use; `None` takes the best that works.
    pub capture: Option<Layer>,
    pub every_send: bool,
    /// Show totals of open connections at this interval.
    pub totals: Option<Duration>,
    /// Size of the ring buffer: a power of two, at least a page.
    pub ring_bytes: u32,
    pub names: bool,
    pub hash: bool,
    /// Show the events of a daemon; options of capture have no effect then.
    pub attach: bool,
    /// The daemon's control socket; `None` for the configured one.
    pub socket: Option<PathBuf>,
    /// Also write Parquet files to this directory.
    pub parquet: Option<PathBuf>,
    pub filter: Filter,
    /// Show sums instead of events.
    pub sum: Option<SumOptions>,
    /// The command to run and follow; empty for the whole host.
    pub command: Vec<OsString>,
}

impl TraceArgs {
    /// Resolves the arguments, or returns all errors.
    pub(super) fn resolve(self) -> Result<TraceOptions, Vec<Problem>> {
        let mut problems = Problems::default();
        let filter = self.filters.resolve(value::local_user, &mut problems);
        let filter = Filter { followed_only: !self.command.is_empty(), ..filter };
        let sum = self.sums.resolve(&mut problems);
        let totals = self.totals.as_deref().and_then(|text| problems.one("--totals <INTERVAL>", text, duration));
        let options = TraceOptions {
            format: problems.one("--format <FORMAT>", &self.format, Choice::from_word).unwrap_or_default(),
            arguments: problems.one("--arguments <FORM>", &self.arguments, Choice::from_word).unwrap_or_default(),
            color: problems.one("--color <WHEN>", &self.color, Choice::from_word).unwrap_or_default(),
            duration: self.duration.as_deref().and_then(|text| problems.one("--duration <TIME>", text, duration)),
            preexisting: !self.no_preexisting,
            capture: problems.one("--capture <LAYER>", &self.capture, Choice::from_word).unwrap_or_default(),
            every_send: self.every_send,
            // Needed for a filter on these events, and for the bytes of open connections in sums.
            totals: totals
                .or((sum.is_some() || filter.events.contains(&EventName::ConnectionUpdate)).then_some(TOTALS)),
            ring_bytes: problems.one("--ring-size <SIZE>", &self.ring_size, ring_bytes).unwrap_or_default(),
            names: !self.no_names,
            hash: !self.no_hash,
            attach: self.attach,
            socket: self.socket,
            parquet: self.parquet,
            filter,
            sum,
            command: self.command,
        };
        check_together(&options, &mut problems);
        problems.into_result(options)
    }
}

/// Finds options that cannot be combined.
fn check_together(options: &TraceOptions, problems: &mut Problems) {
    if options.every_send && options.capture == Some(Layer::Procfs) {
        problems.push(Problem::Conflict("--every-send cannot be used with --capture procfs, which sees no sends"));
    }
    if options.every_send && options.sum.is_some() {
        problems.push(Problem::Conflict(
            "--every-send cannot be used with --sum-by, which counts the first send to a peer",
        ));
    }
    if options.command.first().is_some_and(|program| program.is_empty()) {
        problems.push(Problem::Conflict("the command to run has an empty name"));
    }
}
