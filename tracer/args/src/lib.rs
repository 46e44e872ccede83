//! The command line of egret, its help, manual pages and completions.
//!
//! It has two stages: clap parses strings; `resolve` turns them into the plain data that commands use. Values are parsed only
//! in the second stage, so that all errors are reported at once. The crate is for commands only: the daemon does not use it.
#![forbid(unsafe_code)]

mod baseline;
mod choice;
mod cli;
mod enforce;
mod filters;
mod help;
mod log;
mod problem;
mod report;
mod sums;
#[cfg(test)]
mod tests;
mod trace;
mod value;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, Error, Parser};
use egret_view::history::LogOptions;
use egret_view::report::ReportOptions;

pub use self::baseline::{BaselineCommand, LogRange, SubjectFilter};
pub use self::choice::Format;
use self::cli::{Cli, Command};
pub use self::cli::{ConfigCommand, DoctorArgs, RunOptions, StatusOptions};
pub use self::enforce::{AskAction, AskOptions, FirewallCommand, ModeAction, ModeOptions, QuestionSelector};
use self::problem::Problem;
pub use self::trace::{TOTALS, TraceOptions};

/// A resolved command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    Trace(Box<TraceOptions>),
    Log(Box<LogOptions>),
    Report(Box<ReportOptions>),
    Doctor(DoctorArgs),
    Run(RunOptions),
    Status(StatusOptions),
    Baseline(Box<BaselineCommand>),
    Mode(Box<ModeOptions>),
    Ask(Box<AskOptions>),
    Firewall(FirewallCommand),
    Config(ConfigCommand),
    /// A completion script or a manual page to print.
    Print(Vec<u8>),
}

/// Parses a command line that begins with the program name.
///
/// # Errors
///
/// Help or version was requested, or the command line has errors. `print` writes to the right stream, and `exit_code` is 0
/// for the former and [`exit::USAGE`](egret_view::exit::USAGE) for the latter.
pub fn parse(command_line: impl IntoIterator<Item = OsString>) -> Result<Invocation, Error> {
    match Cli::try_parse_from(command_line)?.command {
        Command::Trace(typed) => match typed.resolve() {
            Ok(options) => Ok(Invocation::Trace(Box::new(options))),
            Err(problems) => Err(usage_error(&["trace"], &problems)),
        },
        Command::Run(options) => Ok(Invocation::Run(options)),
        Command::Status(options) => Ok(Invocation::Status(options)),
        Command::Log(typed) => match typed.resolve() {
            Ok(options) => Ok(Invocation::Log(Box::new(options))),
            Err(problems) => Err(usage_error(&["log"], &problems)),
        },
        Command::Report(typed) => match typed.resolve() {
            Ok(options) => Ok(Invocation::Report(Box::new(options))),
            Err(problems) => Err(usage_error(&["report"], &problems)),
        },
        Command::Baseline(typed) => {
            let name = typed.name();
            match typed.resolve() {
                Ok(command) => Ok(Invocation::Baseline(Box::new(command))),
                Err(problems) => Err(usage_error(&["baseline", name], &problems)),
            }
        }
        Command::Mode(typed) => match typed.resolve() {
            Ok(options) => Ok(Invocation::Mode(Box::new(options))),
            Err(problems) => Err(usage_error(&["mode"], &problems)),
        },
        Command::Ask(typed) => match typed.resolve() {
            Ok(options) => Ok(Invocation::Ask(Box::new(options))),
            Err(problems) => Err(usage_error(&["ask"], &problems)),
        },
        Command::Firewall(command) => Ok(Invocation::Firewall(command)),
        Command::Doctor(args) => Ok(Invocation::Doctor(args)),
        Command::Config(command) => Ok(Invocation::Config(command)),
        Command::Completions { shell } => Ok(Invocation::Print(completions(shell))),
        Command::Man { command } => manual_page(command.as_deref()).map(Invocation::Print),
    }
}

/// All `problems` in the form of clap's errors, with the usage of their subcommand.
fn usage_error(subcommands: &[&str], problems: &[Problem]) -> Error {
    let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
    let message = lines.join("\nerror: ");
    let mut command = built();
    for name in subcommands {
        if let Some(found) = command.find_subcommand(name).cloned() {
            command = found;
        }
    }
    command.error(ErrorKind::ValueValidation, message)
}

fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "egret", &mut script);
    script
}

fn manual_page(subcommand: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut command = built();
    let about = match subcommand {
        None => command.clone(),
        Some(names) => {
            let found = names.split(' ').try_fold(&command, |within, name| within.find_subcommand(name)).cloned();
            found.ok_or_else(|| {
                let message = format!("no command {names:?} that has a manual page");
                command.error(ErrorKind::InvalidSubcommand, message)
            })?
        }
    };
    let mut page = Vec::new();
    let section = if subcommand == Some(DAEMON) { "8" } else { "1" };
    let source = concat!("egret ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(about)
        .source(source)
        .section(section)
        .render(&mut page)
        .map_err(|error| command.error(ErrorKind::Io, error))?;
    Ok(refer_to_daemon(&String::from_utf8_lossy(&page)).into_bytes())
}

/// The daemon, whose manual page is in section 8.
const DAEMON: &str = "run";

/// Corrects the section in references to the daemon: clap_mangen assumes that of the page itself.
fn refer_to_daemon(page: &str) -> String {
    page.replace(&format!("egret\\-{DAEMON}(1)"), &format!("egret\\-{DAEMON}(8)"))
}

/// The command with derived values, such as the full names of subcommands.
fn built() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}
