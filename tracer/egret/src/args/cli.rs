//! What can be typed. Values are strings here; `trace.rs` says what they mean.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use super::choice::{Capture, ColorChoice, Format, Words};
use super::{help, value};

/// Shows every connection that leaves or enters this host, with the process and binary behind it.
#[derive(Debug, Parser)]
#[command(name = "egret", version, max_term_width = 100, after_long_help = help::EGRET, args_override_self = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show connections live, with the processes behind them
    Trace(Box<TraceArgs>),
    /// Tell what this kernel and user allow, layer by layer, and what is lost without
    Doctor(DoctorArgs),
    /// Write a completion script for a shell to standard output
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a manual page to standard output
    #[command(hide = true)]
    Man {
        /// The command that it is about; without it, egret as a whole
        command: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_long_help = help::TRACE, args_override_self = true)]
pub(super) struct TraceArgs {
    /// How to write events
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    #[arg(value_parser = Words::of::<Format>())]
    pub(super) format: String,

    /// When to colour the table
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    #[arg(value_parser = Words::of::<ColorChoice>())]
    pub(super) color: String,

    /// Stop after this time, such as 10s, 5m or 1h30m
    #[arg(long, value_name = "TIME", help_heading = "Output")]
    pub(super) duration: Option<String>,

    /// Do not list the connections that stood before the start
    #[arg(long, help_heading = "Output")]
    pub(super) no_standing: bool,

    /// Which capture layer to use
    #[arg(long, value_name = "LAYER", default_value = "auto", help_heading = "Capture")]
    #[arg(value_parser = Words::of::<Capture>())]
    pub(super) capture: String,

    /// Show every send, not only the first to each peer
    #[arg(long, help_heading = "Capture")]
    pub(super) every_send: bool,

    /// Size of the ring between kernel and egret, a power of two such as 1MiB or 64MiB
    ///
    /// A ring that is too small for a burst loses records; what was lost is counted and shown at the end.
    #[arg(long, value_name = "SIZE", default_value = "4MiB", help_heading = "Capture")]
    pub(super) ring_size: String,

    /// Do not compute SHA-256 digests of executables
    #[arg(long, help_heading = "Capture")]
    pub(super) no_hash: bool,

    /// Only this process
    #[arg(long, value_name = "PID", value_delimiter = ',', help_heading = "Filters")]
    pub(super) pid: Vec<String>,

    /// Only processes that run this executable: a file name, or a path if it has a slash
    #[arg(long, value_name = "NAME|PATH", help_heading = "Filters", value_hint = ValueHint::ExecutablePath)]
    pub(super) exe: Vec<String>,

    /// Only processes of this effective user, by name or number
    #[arg(long, value_name = "NAME|UID", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_hint = ValueHint::Username)]
    pub(super) user: Vec<String>,

    /// Only this port or range of ports, on either end
    #[arg(long, value_name = "PORT[-PORT]", value_delimiter = ',', help_heading = "Filters")]
    pub(super) port: Vec<String>,

    /// Only peers with this address, or in this network
    #[arg(long, value_name = "ADDRESS|CIDR", value_delimiter = ',', help_heading = "Filters")]
    pub(super) peer: Vec<String>,

    /// Only this transport, as the table names it
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::TRANSPORTS))]
    pub(super) transport: Vec<String>,

    /// Run this command, show only its connections and its descendants', and end with its exit status
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub(super) command: Vec<OsString>,
}

/// What `egret doctor` was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub struct DoctorArgs {
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
}
