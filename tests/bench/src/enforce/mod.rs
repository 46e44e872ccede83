//! `egret-bench enforce`.

mod baseline;
mod hosts;
mod judge;
mod judges;
mod load;
mod samples;
mod tables;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::unistd::geteuid;

use crate::collector::Programs;
use crate::host::Machine;
use crate::options::EnforceOptions;
use crate::receiver::Receiver;
use crate::report::{Document, Section, origin};
use hosts::Hosts;
use judges::Running;
use load::Load;
use samples::{Sample, Samples};

pub(crate) use judge::Judge;
pub(crate) use load::connect;

const KEY: &str = "enforce";
const TITLE: &str = "What judging packets costs new connections";

/// Common inputs of all rounds.
struct Bench<'a> {
    options: &'a EnforceOptions,
    programs: &'a Programs,
}

/// The results.
struct Findings {
    /// The judges that could be measured, in the order of the tables.
    judges: Vec<Judge>,
    samples: Samples,
    /// Judges that could not be measured, and why.
    left_out: Vec<String>,
}

/// Measures and prints it.
pub(crate) fn run(options: &EnforceOptions) -> Result<()> {
    if !geteuid().is_root() {
        bail!("firewall rules and namespaces need root: run this with sudo");
    }
    let receiver = Receiver::start()?;
    let programs = Programs::find(&receiver)?;
    let machine = Machine::describe(&programs.egret);
    let bench = Bench { options, programs: &programs };
    let mut findings = Findings { judges: options.judges(), samples: Samples::default(), left_out: Vec::new() };
    eprintln!("{TITLE}");
    for round in 0..options.rounds() {
        eprintln!("  round {} of {}", round + 1, options.rounds());
        findings.round(&bench, round)?;
    }
    let text =
        format!("## {TITLE}\n\n{}\n\n{}", origin(&machine, options.quick), findings.to_markdown(options.rounds()));
    println!("{text}");
    if options.write {
        Document::in_repository().put(&Section { key: KEY, text })?;
    }
    Ok(())
}

impl Findings {
    /// Measures every judge once, with another first one in each round.
    fn round(&mut self, bench: &Bench<'_>, round: usize) -> Result<()> {
        let mut order = self.judges.clone();
        let first = round % order.len().max(1);
        order.rotate_left(first);
        for judge in order {
            if let Err(error) = self.under(bench, round, judge) {
                self.leave_out(judge, &error);
            }
        }
        Ok(())
    }

    /// Excludes a judge that could not be measured in every round.
    fn leave_out(&mut self, judge: Judge, error: &anyhow::Error) {
        let why = format!("{}: {error:#}", judge.name());
        eprintln!("  left out: {why}");
        self.left_out.push(why);
        self.judges.retain(|one| *one != judge);
    }

    fn under(&mut self, bench: &Bench<'_>, round: usize, judge: Judge) -> Result<()> {
        // New namespaces for each judge: entries in the conntrack table of a former judge would slow down the next one.
        let hosts = Hosts::new()?;
        let running = Running::start(judge, bench.programs, &hosts)?;
        for kind in load::ALL.iter().filter(|kind| bench.options.wants_load(kind.name)) {
            let sample = hosts
                .inside(|| measure(&mut *(kind.make)(&hosts)?, bench.options.sample(), &hosts))
                .with_context(|| kind.name)?;
            self.samples.add(kind.name, judge, round, sample);
        }
        running.stop()
    }
}

/// Repeats the load for this time, after a tenth of it to warm up.
fn measure(load: &mut dyn Load, lasts: Duration, hosts: &Hosts) -> Result<Sample> {
    go_round(load, lasts / 10)?;
    let queued = hosts.queued()?;
    let begin = Instant::now();
    let times = go_round(load, lasts)?;
    Ok(Sample { elapsed: begin.elapsed(), times, queued: hosts.queued()?.saturating_sub(queued) })
}

/// Nanoseconds of each repetition.
fn go_round(load: &mut dyn Load, lasts: Duration) -> Result<Vec<f64>> {
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < lasts {
        times.push(load.once()?.as_secs_f64() * 1e9);
    }
    Ok(times)
}
