//! `egret-bench trace`.

mod hooks;
mod identification;
mod idle;
mod names;
pub(crate) mod overhead;
pub(crate) mod storm;

use anyhow::{Result, bail};
use nix::unistd::geteuid;

use crate::collector::Programs;
use crate::host::Machine;
use crate::options::{Part, TraceOptions};
use crate::receiver::Receiver;
use crate::report::{Document, Section, origin};

/// Common inputs of all parts.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a TraceOptions,
    pub(crate) programs: &'a Programs,
    pub(crate) machine: &'a Machine,
}

type Measure = fn(&Bench<'_>) -> Result<String>;

/// A part's key in the report, its title, and how it is measured.
const PARTS: [(Part, &str, &str, Measure); 6] = [
    (Part::Overhead, "overhead", "What tracing costs a busy program", overhead::measure),
    (Part::Hooks, "hooks", "What each hook costs", hooks::measure),
    (Part::Names, "names", "What the names of peers cost", names::measure),
    (Part::Idle, "idle", "CPU and memory while nothing happens", idle::measure),
    (Part::Identification, "identification", "Short-lived processes: eBPF against /proc", identification::measure),
    (Part::Storm, "storm", "Storms, and where losses begin", storm::measure),
];

/// Measures the selected parts and prints them.
pub(crate) fn run(options: &TraceOptions) -> Result<()> {
    if !geteuid().is_root() {
        bail!("tracing needs root: run this with sudo");
    }
    let receiver = Receiver::start()?;
    let programs = Programs::find(&receiver)?;
    let machine = Machine::describe(&programs.egret);
    let bench = Bench { options, programs: &programs, machine: &machine };
    for (part, key, title, measure) in PARTS {
        if !options.wants(part) {
            continue;
        }
        eprintln!("{title}");
        let body = measure(&bench)?;
        let text = format!("## {title}\n\n{}\n\n{body}", origin(&machine, options.quick));
        println!("{text}");
        if options.write {
            Document::in_repository().put(&Section { key, text })?;
        }
    }
    Ok(())
}
