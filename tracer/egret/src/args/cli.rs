//! What can be typed. Values are strings here; `trace.rs`, `filters.rs` and `log.rs` say what they mean.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use egret_model::{ArgumentsForm, Layer};

use super::baseline::BaselineArgs;
use super::choice::{ColorChoice, Format, LogFormat, SumFigure, SumKey, Words};
use super::enforce::{AskArgs, FirewallCommand, ModeArgs};
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
    /// Run as a daemon: record connections, serve metrics, send spans
    Run(RunOptions),
    /// Ask the daemon how it is: what it captured and lost, and what became of it
    Status(StatusOptions),
    /// Show what the Parquet log has recorded
    Log(Box<LogArgs>),
    /// Look at the baseline, rehearse it, learn it, change it
    #[command(subcommand)]
    Baseline(Box<BaselineArgs>),
    /// Show how far egret goes, or switch: observe, learn, shadow, enforce
    Mode(Box<ModeArgs>),
    /// Show and answer questions about connections that no rule covers
    Ask(Box<AskArgs>),
    /// Show or remove egret's firewall rules
    #[command(subcommand)]
    Firewall(FirewallCommand),
    /// Tell what this kernel and user allow, layer by layer, and what is lost without
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
        /// The command that it is about, such as trace or 'baseline learn'; without it, egret as a whole
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

    /// Arguments of programs, where events have them: they may be secrets
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

    /// Write what is shown to Parquet files below this directory as well
    #[arg(long, value_name = "DIR", help_heading = "Output", value_hint = ValueHint::DirPath)]
    pub(super) parquet: Option<PathBuf>,

    /// Do not list the connections that stood before the start
    #[arg(long, help_heading = "Output")]
    pub(super) no_standing: bool,

    /// Which capture layer to use
    #[arg(long, value_name = "LAYER", default_value = "auto", help_heading = "Capture")]
    #[arg(value_parser = Words::of::<Option<Layer>>())]
    pub(super) capture: String,

    /// Show every send, not only the first to each peer
    #[arg(long, help_heading = "Capture")]
    pub(super) every_send: bool,

    /// Show what open connections have moved as well, this often if it has grown; without a time every 10s
    ///
    /// With --attach the daemon's interval holds.
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "10s", help_heading = "Output")]
    pub(super) totals: Option<String>,

    /// Size of the ring between kernel and egret, a power of two such as 1MiB or 64MiB
    ///
    /// A ring that is too small for a burst loses records; what was lost is counted and shown at the end.
    #[arg(long, value_name = "SIZE", default_value = "4MiB", help_heading = "Capture")]
    pub(super) ring_size: String,

    /// Do not gather the host names of peers
    ///
    /// Names are read from DNS answers, TLS greetings and /etc/hosts. Without them no packet is looked at.
    #[arg(long, help_heading = "Capture")]
    pub(super) no_names: bool,

    /// Do not compute SHA-256 digests of executables
    #[arg(long, help_heading = "Capture")]
    pub(super) no_hash: bool,

    /// Show what a running `egret run` captures, instead of capturing; needs no privilege but to be let in
    #[arg(long, help_heading = "Capture")]
    #[arg(conflicts_with_all = ["no_standing", "capture", "every_send", "ring_size", "no_names", "no_hash", "command"])]
    pub(super) attach: bool,

    /// With --attach: the daemon's control socket; without this option the one that the configuration names
    #[arg(long, value_name = "PATH", requires = "attach", help_heading = "Capture", value_hint = ValueHint::FilePath)]
    pub(super) socket: Option<PathBuf>,

    #[command(flatten)]
    pub(super) sums: SumArgs,

    #[command(flatten)]
    pub(super) filters: FilterArgs,

    /// Run this command, show only its connections and its descendants', and end with its exit status
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub(super) command: Vec<OsString>,
}

/// Which events are shown.
#[derive(Debug, Default, Args)]
pub(super) struct FilterArgs {
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

    /// Only this container: its name, its id or how that begins (4 characters or more), NAMESPACE/POD or NAMESPACE/WORKLOAD
    #[arg(long, value_name = "NAME|ID", value_delimiter = ',', help_heading = "Filters")]
    pub(super) container: Vec<String>,

    /// Only this systemd unit; .service may be left out
    #[arg(long, value_name = "UNIT", value_delimiter = ',', help_heading = "Filters")]
    pub(super) unit: Vec<String>,

    /// Only connections that others began (in), or that this host began (out)
    #[arg(long, value_name = "DIRECTION", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::DIRECTIONS))]
    pub(super) direction: Vec<String>,

    /// Only this port or range of ports, on either end
    #[arg(long, value_name = "PORT[-PORT]", value_delimiter = ',', help_heading = "Filters")]
    pub(super) port: Vec<String>,

    /// Only peers with this address, or in this network; fe80::1%eth0 for one interface
    #[arg(long, value_name = "ADDRESS|CIDR", value_delimiter = ',', help_heading = "Filters")]
    pub(super) peer: Vec<String>,

    /// Only this transport, as the table names it
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::TRANSPORTS))]
    pub(super) transport: Vec<String>,

    /// Only peers that were reached by this name, or by one below a domain
    #[arg(long, value_name = "NAME|*.DOMAIN", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_hint = ValueHint::Hostname)]
    pub(super) name: Vec<String>,

    /// Only events of this name
    #[arg(long, value_name = "EVENT", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::EVENTS))]
    pub(super) event: Vec<String>,
}

/// How connections are added up.
#[derive(Debug, Args)]
pub(super) struct SumArgs {
    /// Add connections up by these, instead of showing events: connections, bytes sent and received
    #[arg(long, value_name = "KEY", value_delimiter = ',', help_heading = "Sums")]
    #[arg(value_parser = Words::of::<SumKey>())]
    pub(super) sum_by: Vec<String>,

    /// With --sum-by: what is most of comes first
    #[arg(long, value_name = "FIGURE", default_value = "connections", requires = "sum_by", help_heading = "Sums")]
    #[arg(value_parser = Words::of::<SumFigure>())]
    pub(super) sort: String,

    /// With --sum-by: show so many of them
    #[arg(long, value_name = "COUNT", requires = "sum_by", help_heading = "Sums")]
    pub(super) top: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_long_help = help::LOG, args_override_self = true)]
pub(super) struct LogArgs {
    /// How to write events
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    #[arg(value_parser = Words::of::<LogFormat>())]
    pub(super) format: String,

    /// Arguments of programs, where events have them: they may be secrets
    ///
    /// There is no more to show than was written: a log of a daemon with `parquet.arguments = "redacted"`, the default, has lost what
    /// was left out, whatever is asked for here.
    #[arg(long, value_name = "FORM", default_value = "redacted", help_heading = "Output")]
    #[arg(value_parser = Words::of::<ArgumentsForm>())]
    pub(super) arguments: String,

    /// When to colour the table
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    #[arg(value_parser = Words::of::<ColorChoice>())]
    pub(super) color: String,

    /// Stop after so many events; sums are cut off by --top
    #[arg(long, value_name = "COUNT", help_heading = "Output")]
    pub(super) limit: Option<String>,

    /// Directory of the log, or s3://BUCKET/PREFIX (with the usual AWS_* variables); without this option where the
    /// configuration has it
    #[arg(long, value_name = "DIR", help_heading = "Source", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,

    /// The configuration that says where the log is; without it, /etc/egret/egret.toml if that exists
    #[arg(long, value_name = "FILE", conflicts_with = "dir", help_heading = "Source", value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,

    /// Only what happened since: a time ago such as 90m or 2d, or a time such as 2026-11-24T08:00 or 2026-11-24T08:00Z
    ///
    /// A time without a zone is local time.
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub(super) since: Option<String>,

    /// Only what happened before, in the same forms
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

    /// Only events whose verdict has this reason
    #[arg(long, value_name = "REASON", value_delimiter = ',', help_heading = "Filters")]
    #[arg(value_parser = Words::bare(&value::REASONS))]
    pub(super) reason: Vec<String>,
}

/// What `egret run` was asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_long_help = help::RUN)]
pub struct RunOptions {
    /// The configuration; without this option /etc/egret/egret.toml, if that exists
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// What `egret status` was asked.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_long_help = help::STATUS)]
pub struct StatusOptions {
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,

    /// The daemon's control socket; without this option the one that the configuration names
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
}

/// What `egret doctor` was asked.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DoctorArgs {
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,

    /// The configuration whose bypass and log are looked at; without it, /etc/egret/egret.toml if that exists
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// What `egret config` was asked.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Tell everything that is wrong with a configuration, with file, line and column
    #[command(after_long_help = help::CONFIG_CHECK)]
    Check {
        /// The file; without it, /etc/egret/egret.toml if that exists
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Write the configuration that holds as TOML, with where each value came from
    Show {
        /// The file; without it, /etc/egret/egret.toml if that exists
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        config: Option<PathBuf>,
    },
    /// Write the reference of all options as Markdown
    Reference,
    /// Write a file with every option and its default, commented out
    Example,
}
