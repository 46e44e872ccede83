//! The command line as clap parses it. Values are strings here; `trace`, `filters` and `log` resolve them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use egret_model::{ArgumentsForm, Layer};
use egret_view::report::ReportFormat;
use egret_view::sums::{SumFigure, SumKey};
use egret_view::{ColorChoice, LogFormat};

use super::baseline::{BaselineArgs, BaselineFile};
use super::choice::{Format, Words};
use super::enforce::{AskArgs, FirewallCommand, ModeArgs};
use super::{help, value};

/// Traces every connection of this host with its process, and optionally enforces a baseline of allowed flows.
#[derive(Debug, Parser)]
#[command(name = "egret", version, max_term_width = 100, after_long_help = help::EGRET, args_override_self = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show connections live, with their processes
    Trace(Box<TraceArgs>),
    /// Run the daemon: record connections, serve metrics, send spans
    Run(RunOptions),
    /// Show the state of the daemon: mode, captured and lost records, sinks
    Status(StatusOptions),
    /// Show recorded connections from the Parquet log
    Log(Box<LogArgs>),
    /// Write one page about a period: who talked to whom, what is new, what was blocked
    Report(ReportArgs),
    /// Show, check, rehearse, learn and change the baseline
    #[command(subcommand)]
    Baseline(Box<BaselineArgs>),
    /// Show the mode, or switch it: observe, learn, shadow, enforce
    Mode(Box<ModeArgs>),
    /// Show and answer questions about connections that no rule covers
    Ask(Box<AskArgs>),
    /// Show or remove egret's firewall rules
    #[command(subcommand)]
    Firewall(FirewallCommand),
    /// Show what this kernel and user allow, layer by layer, and what is lost without it
    Doctor(DoctorArgs),
    /// Check and explain the configuration of `egret run`
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Write a completion script for a shell to standard output
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a manual page to standard output
    #[command(hide = true)]
    Man {
        /// A command such as trace or 'baseline learn'; the default is egret itself
        command: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_long_help = help::TRACE, args_override_self = true)]
pub(super) struct TraceArgs {
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    #[arg(value_parser = Words::of::<Format>())]
    pub(super) format: String,

    /// Form of command-line arguments, which may contain secrets
    #[arg(long, value_name = "FORM", default_value = "redacted", help_heading = "Output")]
    #[arg(value_parser = Words::of::<ArgumentsForm>())]
    pub(super) arguments: String,

    /// When to colour the table
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    #[arg(value_parser = Words::of::<ColorChoice>())]
    pub(super) color: String,

    /// Stop after this time, such as 10s, 5m or 1h30m
    #[arg(long, value_name = "TIME", help_heading = "Output")]
    pub(super) duration: Option<String>,

    /// Also write the shown events to Parquet files below this directory
    #[arg(long, value_name = "DIR", help_heading = "Output", value_hint = ValueHint::DirPath)]
    pub(super) parquet: Option<PathBuf>,

    /// Do not list connections that were open before the start
    #[arg(long = "no-standing", help_heading = "Output")]
    pub(super) no_preexisting: bool,

    /// Capture layer
    #[arg(long, value_name = "LAYER", default_value = "auto", help_heading = "Capture")]
    #[arg(value_parser = Words::of::<Option<Layer>>())]
    pub(super) capture: String,

    /// Show every send instead of only the first to each peer
    #[arg(long, help_heading = "Capture")]
    pub(super) every_send: bool,

    /// Also show the totals of open connections at this interval, if they have grown; without a value, 10s
    ///
    /// With --attach the daemon's interval is used.
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "10s", help_heading = "Output")]
    pub(super) totals: Option<String>,

    /// Size of the ring buffer between kernel and egret, a power of two such as 1MiB or 64MiB
    ///
    /// If it is too small for a burst, records are lost. Lost records are counted and shown at the end.
    #[arg(long, value_name = "SIZE", default_value = "4MiB", help_heading = "Capture")]
    pub(super) ring_size: String,

    /// Do not gather the host names of peers
    ///
    /// Names come from DNS answers, TLS client hellos and /etc/hosts. Without names egret reads no packets.
    #[arg(long, help_heading = "Capture")]
    pub(super) no_names: bool,

    /// Do not compute SHA-256 digests of executables
    #[arg(long, help_heading = "Capture")]
    pub(super) no_hash: bool,

    /// Show the events of a running daemon instead of capturing; needs only access to its control socket
    #[arg(long, help_heading = "Capture")]
    #[arg(conflicts_with_all = ["no_preexisting", "capture", "every_send", "ring_size", "no_names", "no_hash", "command"])]
    pub(super) attach: bool,

    /// With --attach: the daemon's control socket; the default is the configured one
    #[arg(long, value_name = "PATH", requires = "attach", help_heading = "Capture", value_hint = ValueHint::FilePath)]
    pub(super) socket: Option<PathBuf>,

    #[command(flatten)]
    pub(super) sums: SumArgs,

    #[command(flatten)]
    pub(super) filters: FilterArgs,

    /// Run this command, show only connections of it and its descendants, and exit with its status
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Default, Args)]
pub(super) struct FilterArgs {
    /// Only this process
    #[arg(long, value_name = "PID", value_delimiter = ',', help_heading = "Filters")]
    pub(super) pid: Vec<String>,

    /// Only processes of this executable: a file name, or a path if it contains a slash
    #[arg(long, value_name = "NAME|PATH", help_heading = "Filters", value_hint = ValueHint::ExecutablePath)]
    pub(super) exe: Vec<String>,

    /// Only processes of this effective user, by name or uid
    #[arg(long, value_name = "NAME|UID", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_hint = ValueHint::Username)]
    pub(super) user: Vec<String>,

    /// Only this container: its name, its id or at least 4 leading characters of it, NAMESPACE/POD or NAMESPACE/WORKLOAD
    #[arg(long, value_name = "NAME|ID", value_delimiter = ',', help_heading = "Filters")]
    pub(super) container: Vec<String>,

    /// Only this systemd unit; .service may be omitted
    #[arg(long, value_name = "UNIT", value_delimiter = ',', help_heading = "Filters")]
    pub(super) unit: Vec<String>,

    /// Only connections that the peer opened (in), or that this host opened (out)
    #[arg(long, value_name = "DIRECTION", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::DIRECTIONS))]
    pub(super) direction: Vec<String>,

    /// Only this port or range of ports, local or of the peer
    #[arg(long, value_name = "PORT[-PORT]", value_delimiter = ',', help_heading = "Filters")]
    pub(super) port: Vec<String>,

    /// Only peers with this address or in this network; fe80::1%eth0 for one interface
    #[arg(long, value_name = "ADDRESS|CIDR", value_delimiter = ',', help_heading = "Filters")]
    pub(super) peer: Vec<String>,

    /// Only this transport
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::TRANSPORTS))]
    pub(super) transport: Vec<String>,

    /// Only peers with this name, or with a name below this domain
    #[arg(long, value_name = "NAME|*.DOMAIN", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_hint = ValueHint::Hostname)]
    pub(super) name: Vec<String>,

    /// Only this kind of event
    #[arg(long, value_name = "EVENT", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::EVENTS))]
    pub(super) event: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct SumArgs {
    /// Instead of events, show sums by these keys: connections, bytes sent, bytes received
    #[arg(long, value_name = "KEY", value_delimiter = ',', help_heading = "Sums")]
    #[arg(value_parser = Words::of::<SumKey>())]
    pub(super) sum_by: Vec<String>,

    /// With --sum-by: the figure to sort by, largest first
    #[arg(long, value_name = "FIGURE", default_value = "connections", requires = "sum_by", help_heading = "Sums")]
    #[arg(value_parser = Words::of::<SumFigure>())]
    pub(super) sort: String,

    /// With --sum-by: the number of sums to show
    #[arg(long, value_name = "COUNT", requires = "sum_by", help_heading = "Sums")]
    pub(super) top: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_long_help = help::LOG, args_override_self = true)]
pub(super) struct LogArgs {
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    #[arg(value_parser = Words::of::<LogFormat>())]
    pub(super) format: String,

    /// Form of command-line arguments, which may contain secrets
    ///
    /// This cannot restore what was not written: a log of a daemon with `parquet.arguments = "redacted"`, the default, has only
    /// redacted arguments.
    #[arg(long, value_name = "FORM", default_value = "redacted", help_heading = "Output")]
    #[arg(value_parser = Words::of::<ArgumentsForm>())]
    pub(super) arguments: String,

    /// When to colour the table
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    #[arg(value_parser = Words::of::<ColorChoice>())]
    pub(super) color: String,

    /// Stop after this many events; for sums use --top
    #[arg(long, value_name = "COUNT", help_heading = "Output")]
    pub(super) limit: Option<String>,

    /// Directory of the log, or s3://BUCKET/PREFIX (with the usual AWS_* variables); the default is the configured one
    #[arg(long, value_name = "DIR", help_heading = "Source", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,

    /// The configuration with the path of the log; the default is /etc/egret/egret.toml, if it exists
    #[arg(long, value_name = "FILE", conflicts_with = "dir", help_heading = "Source", value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,

    /// Only events since this time: a duration before now such as 90m or 2d, or a time such as 2026-11-24T08:00 or
    /// 2026-11-24T08:00Z
    ///
    /// A time without a zone is local time.
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub(super) since: Option<String>,

    /// Only events before this time, in the same forms
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub(super) until: Option<String>,

    #[command(flatten)]
    pub(super) sums: SumArgs,

    #[command(flatten)]
    pub(super) filters: FilterArgs,

    /// Only events with this verdict
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::VERDICTS))]
    pub(super) verdict: Vec<String>,

    /// Only events with this reason of the verdict
    #[arg(long, value_name = "REASON", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::REASONS))]
    pub(super) reason: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_long_help = help::REPORT, args_override_self = true)]
pub(super) struct ReportArgs {
    /// Form of the page
    #[arg(long, value_name = "FORMAT", default_value = "html", help_heading = "Output")]
    #[arg(value_parser = Words::of::<ReportFormat>())]
    pub(super) format: String,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub(super) output: Option<PathBuf>,

    /// Directory of the log, or s3://BUCKET/PREFIX (with the usual AWS_* variables); the default is the configured one
    #[arg(long, value_name = "DIR", help_heading = "Source", value_hint = ValueHint::DirPath)]
    pub(super) log: Option<PathBuf>,

    #[command(flatten)]
    pub(super) baseline: BaselineFile,

    /// The begin of the period: a duration before now such as 12h or 30d, or a time such as 2026-11-24T08:00 or
    /// 2026-11-24T08:00Z
    ///
    /// A time without a zone is local time.
    #[arg(long, value_name = "TIME", default_value = "7d", help_heading = "Period")]
    pub(super) since: String,

    /// The end of the period, in the same forms; the default is now
    #[arg(long, value_name = "TIME", help_heading = "Period")]
    pub(super) until: Option<String>,
}

/// The arguments of `egret run`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_long_help = help::RUN)]
pub struct RunOptions {
    /// The configuration; the default is /etc/egret/egret.toml, if it exists
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// The arguments of `egret status`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_long_help = help::STATUS)]
pub struct StatusOptions {
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,

    /// The daemon's control socket; the default is the configured one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
}

/// The arguments of `egret doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DoctorArgs {
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,

    /// The configuration whose bypass and log are examined; the default is /etc/egret/egret.toml, if it exists
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// The arguments of `egret config`.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Report all errors in a configuration with file, line and column
    #[command(after_long_help = help::CONFIG_CHECK)]
    Check {
        /// The file; the default is /etc/egret/egret.toml, if it exists
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Write the configuration in effect as TOML, with the origin of each value
    Show {
        /// The file; the default is /etc/egret/egret.toml, if it exists
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        config: Option<PathBuf>,
    },
    /// Write the reference of all options as Markdown
    Reference,
    /// Write an example file with every option and its default, commented out
    Example,
}
