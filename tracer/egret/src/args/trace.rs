//! What `egret trace` was asked to do.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use egret_config::{Choice, duration, ring_bytes};
use egret_model::{ArgumentsForm, EventName, Layer};

use super::choice::{ColorChoice, Format};
use super::cli::TraceArgs;
use super::problem::{Problem, Problems};
use super::sums::SumOptions;
use super::value;
use crate::filter::Filter;

/// How often the totals of open connections are read where nobody says.
pub(crate) const TOTALS: Duration = Duration::from_secs(10);

/// What `egret trace` was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// How to write events.
    pub format: Format,
    /// Arguments of programs, where events have them.
    pub arguments: ArgumentsForm,
    /// When to colour the table.
    pub color: ColorChoice,
    /// When to stop by itself; longer than zero.
    pub duration: Option<Duration>,
    /// List the connections that stood before the start.
    pub standing: bool,
    /// The capture layer to use; `None` takes the best that works.
    pub capture: Option<Layer>,
    /// Show every send, not only the first to each peer.
    pub every_send: bool,
    /// Show what open connections have moved, this often.
    pub totals: Option<Duration>,
    /// Bytes of the ring between kernel and egret: a power of two, at least a page.
    pub ring_bytes: u32,
    /// Gather the host names of peers.
    pub names: bool,
    /// Compute digests of executables.
    pub hash: bool,
    /// Show what a daemon captures; the options about capture mean nothing then.
    pub attach: bool,
    /// That daemon's control socket; `None` for the one that the configuration names.
    pub socket: Option<PathBuf>,
    /// Directory of Parquet files to write as well.
    pub parquet: Option<PathBuf>,
    /// Which events to show.
    pub filter: Filter,
    /// How to add them up, instead of showing them.
    pub sum: Option<SumOptions>,
    /// The command to run and follow, program first; empty for the whole host.
    pub command: Vec<OsString>,
}

impl TraceArgs {
    /// What was meant, or everything that is wrong with what was typed.
    pub(super) fn meant(self) -> Result<TraceOptions, Vec<Problem>> {
        let mut problems = Problems::default();
        let filter = self.filters.meant(value::local_user, &mut problems);
        let filter = Filter { followed_only: !self.command.is_empty(), ..filter };
        let sum = self.sums.meant(&mut problems);
        let totals = self.totals.as_deref().and_then(|text| problems.one("--totals <INTERVAL>", text, duration));
        let options = TraceOptions {
            format: problems.one("--format <FORMAT>", &self.format, Choice::from_word).unwrap_or_default(),
            arguments: problems.one("--arguments <FORM>", &self.arguments, Choice::from_word).unwrap_or_default(),
            color: problems.one("--color <WHEN>", &self.color, Choice::from_word).unwrap_or_default(),
            duration: self.duration.as_deref().and_then(|text| problems.one("--duration <TIME>", text, duration)),
            standing: !self.no_standing,
            capture: problems.one("--capture <LAYER>", &self.capture, Choice::from_word).unwrap_or_default(),
            every_send: self.every_send,
            // Whoever asks for these events is shown them, and sums have the bytes of what is open at the end.
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
        problems.or(options)
    }
}

/// What is wrong although each option alone is right.
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
