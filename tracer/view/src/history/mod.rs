//! `egret log`: shows events of the Parquet log.

mod csv;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use egret_exporters::json;
use egret_exporters::parquet::read::Log;
use egret_model::{Arguments, ArgumentsForm, Event, Timestamp};

use crate::filter::Filter;
use crate::sums::{SumOptions, Sums};
use crate::table::{Table, TableStyle};
use crate::{ColorChoice, LogFormat, exit, query, stdout};

/// What to show of the log, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    pub format: LogFormat,
    pub arguments: ArgumentsForm,
    pub color: ColorChoice,
    /// Most events to show.
    pub limit: Option<u64>,
    pub directory: PathBuf,
    /// Inclusive.
    pub since: Option<Timestamp>,
    /// Exclusive.
    pub until: Option<Timestamp>,
    pub filter: Filter,
    /// Show sums instead of events.
    pub sum: Option<SumOptions>,
}

/// Runs the command and returns the exit status.
///
/// # Errors
///
/// The log cannot be opened, or output cannot be written.
pub fn run(options: &LogOptions) -> Result<u8> {
    stdout::ignore_broken_pipe(write(options, io::stdout().lock()))
}

fn write(options: &LogOptions, out: impl Write) -> Result<u8> {
    match &options.sum {
        Some(sum) => add_up(options, sum, out),
        None => show(options, out),
    }
}

/// Writes sums and returns the exit status.
fn add_up(options: &LogOptions, sum: &SumOptions, mut out: impl Write) -> Result<u8> {
    let query = query::from_filter(&options.filter, options.since, options.until);
    let log = Log::open(&options.directory, query).context("cannot read the log")?;
    let (mut sums, mut status) = (Sums::new(sum), exit::DONE);
    for batch in log {
        match batch {
            Ok(events) => events.iter().filter(|event| options.filter.matches(event)).for_each(|event| sums.put(event)),
            Err(error) => {
                eprintln!("egret: {error}");
                status = exit::FAILED;
            }
        }
    }
    sums.write(options.format, &mut out)?;
    out.flush()?;
    Ok(status)
}

fn show(options: &LogOptions, mut out: impl Write) -> Result<u8> {
    let query = query::from_filter(&options.filter, options.since, options.until);
    let log = Log::open(&options.directory, query).context("cannot read the log")?;
    let (mut writer, mut text) = (Writer::new(options), Vec::new());
    writer.begin(&mut text)?;
    let most = options.limit.unwrap_or(u64::MAX);
    let (mut left, mut status) = (most, exit::DONE);
    for batch in log {
        match batch {
            Ok(events) => {
                for event in events.iter().filter(|event| options.filter.matches(event)) {
                    if left > 0 {
                        writer.row(&mut text, event)?;
                        left -= 1;
                    }
                }
            }
            Err(error) => {
                eprintln!("egret: {error}");
                status = exit::FAILED;
            }
        }
        out.write_all(&text)?;
        text.clear();
        if left == 0 {
            break;
        }
    }
    out.write_all(&text)?;
    out.flush()?;
    if left == most && most > 0 && options.format == LogFormat::Table {
        eprintln!(
            "egret: no event matches; new events are in the log after parquet.rotate_after (a minute), and at once in \
             `egret trace --attach`"
        );
    }
    if left == most {
        options.filter.containers.iter().filter(|container| container.is_too_short_for_an_id()).for_each(|container| {
            eprintln!("egret: {:?} was used as the name of a container: an id needs at least 4 digits", container.0);
        });
    }
    Ok(status)
}

enum Writer {
    Table(Table),
    Json(json::Writer),
    Csv(Arguments),
}

impl Writer {
    fn new(options: &LogOptions) -> Self {
        let arguments: Arguments = options.arguments.into();
        match options.format {
            LogFormat::Table => Self::Table(Table::new(TableStyle::for_stdout(options.color))),
            LogFormat::Json => Self::Json(json::Writer::new(arguments)),
            LogFormat::Csv => Self::Csv(arguments),
        }
    }

    fn begin(&mut self, text: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Table(table) => table.header(text),
            Self::Json(_) => {}
            Self::Csv(_) => csv::header(text)?,
        }
        Ok(())
    }

    fn row(&mut self, text: &mut Vec<u8>, event: &Event) -> Result<()> {
        match self {
            Self::Table(table) => table.row(text, event),
            Self::Json(writer) => writer.write(text, event),
            Self::Csv(arguments) => csv::row(text, event, arguments)?,
        }
        Ok(())
    }
}
