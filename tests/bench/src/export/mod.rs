//! `egret-bench export`.

mod everything;
mod feed;
mod population;
mod sdk;
mod sinks;
mod size;
mod subject;

use std::cell::Cell;
use std::path::PathBuf;

use anyhow::{Result, bail};
use nix::unistd::geteuid;

use crate::collector::Programs;
use crate::host::Machine;
use crate::options::{ExportOptions, ExportPart};
use crate::receiver::Receiver;
use crate::report::{Document, Section, origin};

/// Common inputs of all parts.
pub(crate) struct Bench<'a> {
    options: &'a ExportOptions,
    programs: Programs,
    machine: Machine,
    receiver: Receiver,
    directories: Cell<usize>,
}

type Measure = fn(&Bench<'_>) -> Result<String>;

/// A part's key in the report, its title, and how it is measured.
const PARTS: [(ExportPart, &str, &str, Measure); 4] = [
    (ExportPart::Sinks, "sinks", "Sinks: events a second, CPU, losses", sinks::measure),
    (ExportPart::Size, "size", "Bytes a connection on disk", size::measure),
    (ExportPart::Sdk, "sdk", "OTLP next to the SDK's exporter", sdk::measure),
    (
        ExportPart::Everything,
        "everything",
        "Everything on: memory, and what it costs a busy program",
        everything::measure,
    ),
];

/// Measures the selected parts and prints them.
pub(crate) fn run(options: &ExportOptions) -> Result<()> {
    if !geteuid().is_root() {
        bail!("tracing needs root: run this with sudo");
    }
    let receiver = Receiver::start()?;
    let programs = Programs::find(&receiver)?;
    let machine = Machine::describe(&programs.egret);
    let bench = Bench { options, programs, machine, receiver, directories: Cell::new(0) };
    for (part, key, title, measure) in PARTS {
        if !options.wants(part) {
            continue;
        }
        eprintln!("{title}");
        let body = measure(&bench)?;
        let text = format!("## {title}\n\n{}\n\n{body}", origin(&bench.machine, options.quick));
        println!("{text}");
        if options.write {
            Document::in_repository().put(&Section { key, text })?;
        }
    }
    Ok(())
}

impl Bench<'_> {
    /// An empty directory on tmpfs.
    fn fresh_directory(&self) -> Result<PathBuf> {
        let number = self.directories.get() + 1;
        self.directories.set(number);
        let directory = self.programs.scratch().join(format!("sinks-{number}"));
        // The files of the former run are not needed any more.
        let _ = std::fs::remove_dir_all(self.programs.scratch().join(format!("sinks-{}", number - 1)));
        std::fs::create_dir_all(&directory)?;
        Ok(directory)
    }
}
