//! `egret log`: what the Parquet log has recorded.

mod csv;
pub(crate) mod question;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, Write};

use anyhow::{Context as _, Result};
use egret_exporters::json;
use egret_exporters::parquet::read::Log;
use egret_model::{Arguments, Event};

use crate::args::{LogFormat, LogOptions, SumOptions};
use crate::exit;
use crate::sums::Sums;
use crate::table::{Table, TableStyle};

/// Writes what was asked for to standard output; says the exit status.
///
/// # Errors
///
/// When the log cannot be opened, or output cannot be written.
pub fn run(options: &LogOptions) -> Result<u8> {
    match write(options, io::stdout().lock()) {
        // Nobody reads any more: that is how `head` says that it has enough.
        Err(error) if is_broken_pipe(&error) => Ok(exit::DONE),
        done => done,
    }
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn write(options: &LogOptions, out: impl Write) -> Result<u8> {
    match &options.sum {
        Some(sum) => add_up(options, sum, out),
        None => show(options, out),
    }
}

/// Writes the sums that were asked for; says the exit status.
fn add_up(options: &LogOptions, sum: &SumOptions, mut out: impl Write) -> Result<u8> {
    let query = question::of(&options.filter, options.since, options.until);
    let log = Log::open(&options.directory, query).context("there is no log to show")?;
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
    let query = question::of(&options.filter, options.since, options.until);
    let log = Log::open(&options.directory, query).context("there is no log to show")?;
    let (mut form, mut text) = (Form::new(options), Vec::new());
    form.begin(&mut text)?;
    let most = options.limit.unwrap_or(u64::MAX);
    let (mut left, mut status) = (most, exit::DONE);
    for batch in log {
        match batch {
            Ok(events) => {
                for event in events.iter().filter(|event| options.filter.matches(event)) {
                    if left > 0 {
                        form.row(&mut text, event)?;
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
            "egret: nothing matches so far; what a daemon has just seen is in the log within parquet.rotate_after (a minute), \
             and at once in `egret trace --attach`"
        );
    }
    if left == most {
        options.filter.containers.iter().filter(|container| container.is_too_short_for_an_id()).for_each(|container| {
            eprintln!(
                "egret: {:?} was looked for as the name of a container: of an id give 4 digits or more",
                container.0
            );
        });
    }
    Ok(status)
}

enum Form {
    Table(Table),
    Json(json::Writer),
    Csv(Arguments),
}

impl Form {
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
