//! Increasing traffic until records are lost.

mod generator;

use std::time::Duration;

use anyhow::Result;

use super::Bench;
use crate::collector::{Collector, Configuration, Summary};
use crate::host::{cpu_of_children, cpu_time, proportional_memory};
use crate::report::{Table, bytes, nanoseconds, seconds, share};
pub(crate) use generator::{Storm, generate};

/// Requested operations a second; `None` is unlimited.
const RATES: [(Storm, &[Option<u32>]); 2] = [
    (Storm::Connect, &[Some(2000), Some(5000), Some(10_000), Some(20_000), Some(40_000), None]),
    (Storm::NewPeer, &[Some(20_000), Some(50_000), Some(100_000), Some(200_000), Some(400_000), None]),
];

/// The result at one rate.
struct Outcome {
    offered: Option<u32>,
    operations: u64,
    elapsed: Duration,
    summary: Summary,
    /// JSON lines.
    lines: u64,
    cpu: Duration,
    /// Proportional set size when the traffic had ended, bytes.
    memory: u64,
}

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let mut text = format!(
        "As many threads as CPUs make traffic for {} s at each rate, unpinned, so at full speed egret has to share a CPU with \
         them; `egret trace --capture sockets --format json` with the default ring writes to a file on tmpfs. Egret's CPU is \
         user and system time of the process from before the storm to its end, draining included; hooks run on the traffic's \
         own time.\n\n",
        bench.options.storm().as_secs()
    );
    for (storm, rates) in RATES {
        let mut outcomes = Vec::new();
        for rate in rates {
            eprintln!(
                "  {}: {}",
                storm.name(),
                rate.map_or_else(|| "full speed".to_owned(), |rate| format!("{rate}/s"))
            );
            outcomes.push(one(bench, storm, *rate)?);
        }
        text.push_str(&section(storm, &outcomes));
    }
    Ok(text)
}

fn one(bench: &Bench<'_>, storm: Storm, rate: Option<u32>) -> Result<Outcome> {
    let others = cpu_of_children()?;
    let Some(collector) = Collector::start(Configuration::Sockets, bench.programs)? else {
        unreachable!("sockets is a configuration that traces");
    };
    let before = cpu_time(collector.pid())?;
    let (operations, elapsed) = generate(storm, rate, bench.machine.cpus, bench.options.storm())?;
    let memory = proportional_memory(collector.pid())?;
    let stopped = collector.stop()?;
    let cpu = cpu_of_children()?.saturating_sub(others).saturating_sub(before);
    Ok(Outcome {
        offered: rate,
        operations,
        elapsed,
        summary: stopped.summary,
        lines: stopped.output.count()?,
        cpu,
        memory,
    })
}

fn section(storm: Storm, outcomes: &[Outcome]) -> String {
    let mut table = Table::new([
        "offered a second",
        "done a second",
        "captured",
        "delivered",
        "lost",
        "lost share",
        "adds up",
        "captured a second",
        "JSON lines",
        "egret's CPU",
        "CPU a record",
        "memory (PSS)",
    ]);
    for outcome in outcomes {
        table.row(outcome.cells());
    }
    let begin = outcomes.iter().filter(|outcome| outcome.summary.lost > 0).map(Outcome::rate).min_by(f64::total_cmp);
    let begin = match begin {
        Some(rate) => format!("Losses begin at {rate:.0} operations a second or below."),
        None => "Nothing was lost at any rate.".to_owned(),
    };
    format!("### {}\n\n{table}\n{begin}\n\n", storm.name())
}

impl Outcome {
    /// Operations a second.
    fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    fn cells(&self) -> [String; 12] {
        let Summary { captured, delivered, lost, .. } = self.summary;
        let per_record = self.cpu.as_secs_f64() * 1e9 / delivered.max(1) as f64;
        [
            self.offered.map_or_else(|| "full speed".to_owned(), |rate| rate.to_string()),
            format!("{:.0}", self.rate()),
            captured.to_string(),
            delivered.to_string(),
            lost.to_string(),
            share(lost as f64, captured as f64),
            if self.summary.adds_up() { "yes" } else { "**no**" }.to_owned(),
            format!("{:.0}", captured as f64 / self.elapsed.as_secs_f64()),
            self.lines.to_string(),
            seconds(self.cpu),
            nanoseconds(per_record),
            bytes(self.memory),
        ]
    }
}
