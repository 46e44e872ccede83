//! `egret report`: one page about a period, for people who do not operate egret.
//!
//! [`gather`] reads the log once and keeps bounded sums; [`document`] makes a document of plain text and numbers from them and from the
//! baseline; [`html`] and [`markdown`] write it.
#![forbid(unsafe_code)]

mod document;
mod gather;
mod html;
mod markdown;
mod place;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use egret_enforcer::baseline::Precision;
use egret_enforcer::store::FileStore;
use egret_view::report::{ReportFormat, ReportOptions};
use egret_view::{exit, stdout};

use self::document::Document;
use self::gather::{Gathered, Period};

/// Runs the command and returns the exit status.
///
/// # Errors
///
/// The log or the baseline cannot be read, or the report cannot be written.
pub fn run(options: &ReportOptions) -> Result<u8> {
    let period = Period::new(options.since, options.until);
    let gathered = Gathered::from_log(&options.log, period)?;
    let store = FileStore::open(&options.baseline, Precision::default())?;
    let baseline = (!store.is_new()).then(|| store.baseline());
    let readiness =
        baseline.map(|baseline| egret_baseline::readiness_of(baseline, options.config.as_deref())).transpose()?;
    let status = if gathered.unreadable > 0 { exit::FAILED } else { exit::DONE };
    let document = Document::new(&gathered, baseline, readiness.as_deref());
    let text = match options.format {
        ReportFormat::Html => html::page(&document),
        ReportFormat::Markdown => markdown::page(&document),
    };
    match &options.output {
        Some(file) => write(file, &text)?,
        None => {
            stdout::print(text.as_bytes())?;
        }
    }
    Ok(status)
}

/// Replaces the file in one step, so that a reader never sees half of it.
fn write(file: &Path, text: &str) -> Result<()> {
    let mut draft = file.as_os_str().to_owned();
    draft.push(".new");
    let written = fs::File::create(&draft).and_then(|mut to| {
        to.write_all(text.as_bytes())?;
        to.sync_all()
    });
    written.and_then(|()| fs::rename(&draft, file)).with_context(|| format!("cannot write {}", file.display()))
}
