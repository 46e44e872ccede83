//! The command line, and the sizes that follow from it.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::collector::Configuration;
use crate::enforce::Judge;

/// Measures egret on this machine, as root. The machine should have nothing else to do.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", max_term_width = 100)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Benchmark {
    Trace(TraceOptions),
    Export(ExportOptions),
    Enforce(EnforceOptions),
    /// Take spans and forget them
    #[command(hide = true)]
    Receive,
    /// Connect once, and say how long it took
    #[command(hide = true)]
    Connect {
        address: SocketAddr,
    },
}

/// What sinks take, cost and lose.
#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// A short run, to see that everything works; its figures mean little
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also put what was measured into docs/benchmarks.md; parts that were not measured keep their text
    #[arg(long)]
    pub(crate) write: bool,
    /// Measure only these parts
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<ExportPart>,
}

/// A part of the benchmark of sinks; each is a section of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum ExportPart {
    /// Events a second, CPU and losses
    Sinks,
    /// Bytes a connection
    Size,
    /// OTLP next to the SDK's exporter
    Sdk,
    /// The daemon with all sinks: memory, and what it costs the traced program
    Everything,
}

impl ExportOptions {
    /// Whether a part is wanted.
    pub(crate) fn wants(&self, part: ExportPart) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Events made up for one sample.
    pub(crate) const fn events(&self) -> usize {
        if self.quick { 100_000 } else { 1_000_000 }
    }

    /// What of the benchmark of tracing goes with it.
    pub(crate) const fn trace(&self) -> TraceOptions {
        TraceOptions {
            quick: self.quick,
            write: false,
            rounds: None,
            only: Vec::new(),
            workloads: Vec::new(),
            configurations: Vec::new(),
        }
    }

    /// How long events are offered at each rate.
    pub(crate) const fn storm(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 5 })
    }
}

/// What `egret trace` costs, catches and loses.
#[derive(Debug, Args)]
pub(crate) struct TraceOptions {
    /// A short run, to see that everything works; its figures mean little
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also put what was measured into docs/benchmarks.md; parts that were not measured keep their text
    #[arg(long)]
    pub(crate) write: bool,
    /// Rounds of the overhead part
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Measure only these parts
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
    /// Workloads of the overhead, hooks and names parts whose names contain one of these
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) workloads: Vec<String>,
    /// What to compare with untraced in the overhead part
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    configurations: Vec<Configuration>,
}

/// A part of the benchmark; each is a section of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// Workloads under each configuration
    Overhead,
    /// Run time of every hook under each workload
    Hooks,
    /// Workloads and hooks with and without names of peers
    Names,
    /// CPU and memory while nothing happens
    Idle,
    /// Short-lived processes, named or not
    Identification,
    /// Where losses begin
    Storm,
}

impl TraceOptions {
    /// Whether a part is wanted.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Whether a workload is wanted.
    pub(crate) fn wants_workload(&self, name: &str) -> bool {
        self.workloads.is_empty() || self.workloads.iter().any(|wanted| name.contains(wanted.as_str()))
    }

    /// What is compared with untraced; untraced itself comes first.
    pub(crate) fn configurations(&self) -> Vec<Configuration> {
        let chosen = if self.configurations.is_empty() { Configuration::COMPARED } else { &self.configurations };
        let others = chosen.iter().copied().filter(|one| *one != Configuration::Untraced);
        [Configuration::Untraced].into_iter().chain(others).collect()
    }

    /// Rounds of the overhead part: an odd number by default, so that a median is one of the samples.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 9 }).max(1)
    }

    /// How long one sample takes when nothing is traced.
    pub(crate) const fn sample(&self) -> Duration {
        Duration::from_millis(if self.quick { 50 } else { 300 })
    }

    /// How long an idle egret is watched.
    pub(crate) const fn idle(&self) -> Duration {
        Duration::from_secs(if self.quick { 5 } else { 60 })
    }

    /// How many short-lived processes are to be identified.
    pub(crate) const fn processes(&self) -> u64 {
        if self.quick { 100 } else { 1000 }
    }

    /// How long a storm lasts at each rate.
    pub(crate) const fn storm(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 3 })
    }
}

/// What new connections pay for being judged.
#[derive(Debug, Args)]
pub(crate) struct EnforceOptions {
    /// A short run, to see that everything works; its figures mean little
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also put what was measured into docs/benchmarks.md
    #[arg(long)]
    pub(crate) write: bool,
    /// Rounds
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Loads whose names contain one of these
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    loads: Vec<String>,
    /// Who judges
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    judges: Vec<Judge>,
}

impl EnforceOptions {
    /// Whether a load is wanted.
    pub(crate) fn wants_load(&self, name: &str) -> bool {
        self.loads.is_empty() || self.loads.iter().any(|wanted| name.contains(wanted.as_str()))
    }

    /// Who is compared.
    pub(crate) fn judges(&self) -> Vec<Judge> {
        if self.judges.is_empty() { Judge::value_variants().to_vec() } else { self.judges.clone() }
    }

    /// An odd number by default, so that a median is one of the samples.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 9 }).max(1)
    }

    /// How long one load is measured.
    pub(crate) const fn sample(&self) -> Duration {
        Duration::from_millis(if self.quick { 200 } else { 600 })
    }
}
