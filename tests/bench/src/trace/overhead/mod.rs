//! Every workload under every configuration, interleaved.

mod samples;
mod tables;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::collector::{Collector, Configuration, Summary};
use crate::host::{Others, attached_programs};
use crate::trace::Bench;
use crate::workload::{self, Calibrated};
use samples::Samples;

/// The results.
struct Findings {
    workloads: Vec<Calibrated>,
    /// The configurations that could be measured, untraced first.
    configurations: Vec<Configuration>,
    samples: Samples,
    /// Configurations that could not be measured, and why.
    left_out: Vec<String>,
    /// Records and losses by configuration, all rounds together.
    summaries: BTreeMap<Configuration, Summary>,
    /// Most foreign programs in the kernel while none of ours was loaded.
    foreign_programs: usize,
    /// CPU shares of other processes while nothing of ours traced.
    others: Vec<f64>,
}

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let rounds = bench.options.rounds();
    Ok(gather(bench, bench.options.configurations())?.to_markdown(rounds))
}

/// Compares the cost of these configurations; returns shorter Markdown.
pub(crate) fn compare(bench: &Bench<'_>, configurations: Vec<Configuration>) -> Result<String> {
    let rounds = bench.options.rounds();
    Ok(gather(bench, configurations)?.to_comparison(rounds))
}

fn gather(bench: &Bench<'_>, configurations: Vec<Configuration>) -> Result<Findings> {
    let mut findings = Findings {
        workloads: workload::calibrated(bench.options, bench.machine.cpus)?,
        configurations,
        samples: Samples::default(),
        left_out: Vec::new(),
        summaries: BTreeMap::new(),
        foreign_programs: 0,
        others: Vec::new(),
    };
    let rounds = bench.options.rounds();
    for round in 0..rounds {
        eprintln!("  round {} of {rounds}", round + 1);
        findings.round(bench, round)?;
    }
    Ok(findings)
}

impl Findings {
    /// Measures every configuration once, with another first one in each round.
    fn round(&mut self, bench: &Bench<'_>, round: usize) -> Result<()> {
        let mut order = self.configurations.clone();
        let first = round % order.len().max(1);
        order.rotate_left(first);
        for configuration in order {
            match Collector::start(configuration, bench.programs) {
                Ok(collector) => self.under(bench, round, configuration, collector)?,
                Err(error) => self.leave_out(configuration, &error),
            }
        }
        Ok(())
    }

    /// Excludes a configuration that could not be started in every round.
    fn leave_out(&mut self, configuration: Configuration, error: &anyhow::Error) {
        let why = format!("{}: {error:#}", configuration.name());
        eprintln!("  left out: {why}");
        self.left_out.push(why);
        self.configurations.retain(|one| *one != configuration);
    }

    fn under(
        &mut self,
        bench: &Bench<'_>,
        round: usize,
        configuration: Configuration,
        collector: Option<Collector>,
    ) -> Result<()> {
        if collector.is_none() {
            self.foreign_programs = self.foreign_programs.max(programs_that_stay());
        }
        let (begin, others) = (Instant::now(), Others::since_now()?);
        for workload in &self.workloads {
            let taken = workload.kind.time(workload.operations, bench.machine.cpus)?;
            self.samples.add(workload.kind.name, configuration, round, taken);
        }
        if collector.is_none() {
            let others = others.used()?.as_secs_f64() / begin.elapsed().as_secs_f64();
            self.others.push(others / bench.machine.cpus as f64);
        }
        if let Some(collector) = collector {
            let summary = collector.stop()?.summary;
            let sum = self.summaries.entry(configuration).or_default();
            sum.captured += summary.captured;
            sum.delivered += summary.delivered;
            sum.lost += summary.lost;
            sum.dropped += summary.dropped;
        }
        Ok(())
    }
}

/// Foreign programs. Those of a tracer that has just ended are freed a moment later: waits up to a second for that.
fn programs_that_stay() -> usize {
    let begin = Instant::now();
    loop {
        let programs = attached_programs();
        if programs == 0 || begin.elapsed() > Duration::from_secs(1) {
            return programs;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
