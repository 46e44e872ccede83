//! What `egret trace` was asked to do.

use std::ffi::OsString;
use std::time::Duration;

use egret_model::Layer;

use super::choice::{Capture, Choice, ColorChoice, Format};
use super::cli::TraceArgs;
use super::problem::{Problem, Problems};
use super::value;
use crate::filter::Filter;

/// What `egret trace` was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// How to write events.
    pub format: Format,
    /// When to colour the table.
    pub color: ColorChoice,
    /// When to stop by itself; longer than zero.
    pub duration: Option<Duration>,
    /// List the connections that stood before the start.
    pub standing: bool,
    /// Which capture layer to use.
    pub capture: Capture,
    /// Show every send, not only the first to each peer.
    pub every_send: bool,
    /// Bytes of the ring between kernel and egret: a power of two, at least a page.
    pub ring_bytes: u32,
    /// Compute digests of executables.
    pub hash: bool,
    /// Which events to show.
    pub filter: Filter,
    /// The command to run and follow, program first; empty for the whole host.
    pub command: Vec<OsString>,
}

impl TraceArgs {
    /// What was meant, or everything that is wrong with what was typed.
    pub(super) fn meant(self) -> Result<TraceOptions, Vec<Problem>> {
        let mut problems = Problems::default();
        let options = TraceOptions {
            format: problems.one("--format <FORMAT>", &self.format, Choice::from_word).unwrap_or_default(),
            color: problems.one("--color <WHEN>", &self.color, Choice::from_word).unwrap_or_default(),
            duration: self
                .duration
                .as_deref()
                .and_then(|text| problems.one("--duration <TIME>", text, value::duration)),
            standing: !self.no_standing,
            capture: problems.one("--capture <LAYER>", &self.capture, Choice::from_word).unwrap_or_default(),
            every_send: self.every_send,
            ring_bytes: problems.one("--ring-size <SIZE>", &self.ring_size, value::ring_bytes).unwrap_or_default(),
            hash: !self.no_hash,
            filter: self.filter(&mut problems),
            command: self.command,
        };
        check_together(&options, &mut problems);
        problems.or(options)
    }

    fn filter(&self, problems: &mut Problems) -> Filter {
        Filter {
            pids: problems.each("--pid <PID>", &self.pid, value::pid),
            executables: problems.each("--exe <NAME|PATH>", &self.exe, value::executable),
            users: problems.each("--user <NAME|UID>", &self.user, value::user),
            ports: problems.each("--port <PORT[-PORT]>", &self.port, value::ports),
            peers: problems.each("--peer <ADDRESS|CIDR>", &self.peer, value::peer),
            transports: problems.each("--transport <NAME>", &self.transport, value::transport),
            followed_only: !self.command.is_empty(),
        }
    }
}

/// What is wrong although each option alone is right.
fn check_together(options: &TraceOptions, problems: &mut Problems) {
    if options.every_send && options.capture == Capture::Only(Layer::Procfs) {
        problems.push(Problem::Conflict("--every-send cannot be used with --capture procfs, which sees no sends"));
    }
    if options.command.first().is_some_and(|program| program.is_empty()) {
        problems.push(Problem::Conflict("the command to run has an empty name"));
    }
}
