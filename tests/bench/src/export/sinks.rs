//! Rates of each sink, and of all together.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Bench;
use super::feed::{batches, pace, saturate};
use super::subject::{Running, Subject};
use crate::host::{own_cpu_time, thread_cpu_time};
use crate::report::{Aims, Table};

/// Aimed rate of Parquet and Prometheus together on one core, events a second.
const AIM: f64 = 200_000.0;

/// Rates offered to all sinks together, events a second.
const RATES: [f64; 6] = [25_000.0, 50_000.0, 100_000.0, 200_000.0, 300_000.0, 400_000.0];

/// The sinks of a run, and their CPU.
struct Configuration {
    name: &'static str,
    subjects: &'static [Subject],
    /// All of them on this CPU.
    cpu: Option<usize>,
}

use Subject::{Json, OtlpGrpc, OtlpHttp, Parquet, Prometheus};

const CONFIGURATIONS: [Configuration; 7] = [
    Configuration { name: "prometheus", subjects: &[Prometheus], cpu: Some(1) },
    Configuration { name: "parquet", subjects: &[Parquet], cpu: Some(1) },
    Configuration { name: "json (file on tmpfs)", subjects: &[Json], cpu: Some(1) },
    Configuration { name: "otlp (gRPC)", subjects: &[OtlpGrpc], cpu: Some(1) },
    Configuration { name: "otlp (HTTP)", subjects: &[OtlpHttp], cpu: Some(1) },
    Configuration { name: "parquet + prometheus", subjects: &[Parquet, Prometheus], cpu: Some(1) },
    Configuration { name: "all (OTLP over gRPC)", subjects: &[Parquet, Prometheus, Json, OtlpGrpc], cpu: None },
];

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let mut aims = Aims::default();
    let mut table = Table::new(["sinks", "events a second", "CPU s a million events", "lost"]);
    let batches = batches(bench.options.events());
    for configuration in &CONFIGURATIONS {
        let running = configuration.start(bench)?;
        let (begin, cpu) = (Instant::now(), Cpu::since_now()?);
        saturate(&senders(&running), &batches);
        let done = finish(running, &cpu)?;
        let seconds = begin.elapsed().as_secs_f64();
        let events: usize = batches.iter().map(|batch| batch.len()).sum();
        let rate = events as f64 / seconds;
        let cpu = done.cpu.as_secs_f64() / events as f64 * 1e6;
        table.row([configuration.name, &format!("{rate:.0}"), &format!("{cpu:.2}"), &done.lost.to_string()]);
    }
    let pair = CONFIGURATIONS.iter().find(|one| one.subjects.len() == 2);
    let paced = pair.map(|pair| at_rate(bench, pair, AIM)).transpose()?;
    if let Some(done) = paced {
        let measured = format!("{} of {} lost; {:.2} of the core", done.lost, done.offered, done.share());
        aims.add("Parquet and Prometheus on one core, 200,000 events a second", "none lost", &measured, done.lost == 0);
    }
    Ok(format!(
        "{aims}\nEvents are made up beforehand (tests/bench/src/export/population.rs) and handed over by a thread on the other CPU, \
         waiting for room in the queues; a sink's threads are pinned where nothing else of the benchmark runs. CPU is all \
         threads' but the one's that hands over. The collector is a process of its own that decodes and forgets.\n\n{table}\n\n{}",
        losses(bench)?
    ))
}

fn losses(bench: &Bench<'_>) -> Result<String> {
    let mut table = Table::new(["offered events a second", "offered", "lost", "share lost"]);
    let Some(all) = CONFIGURATIONS.last() else { return Ok(String::new()) };
    for rate in RATES {
        let done = at_rate(bench, all, rate)?;
        let share = format!("{:.2} %", 100.0 * done.lost as f64 / done.offered.max(1) as f64);
        table.row([format!("{rate:.0}"), done.offered.to_string(), done.lost.to_string(), share]);
    }
    Ok(format!(
        "All sinks at once, on both CPUs and beside the thread that hands over, at a rate; lost is what the fullest queue had to \
         drop, with queues of {} events:\n\n{table}",
        super::subject::QUEUE
    ))
}

struct Done {
    offered: u64,
    /// Events dropped by the sink that dropped most.
    lost: u64,
    cpu: Duration,
    elapsed: Duration,
}

impl Done {
    /// CPU time as a share of one core.
    fn share(&self) -> f64 {
        self.cpu.as_secs_f64() / self.elapsed.as_secs_f64()
    }
}

fn at_rate(bench: &Bench<'_>, configuration: &Configuration, rate: f64) -> Result<Done> {
    let seconds = bench.options.storm().as_secs_f64();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few million")]
    let batches = batches((rate * seconds) as usize);
    let running = configuration.start(bench)?;
    let (begin, cpu) = (Instant::now(), Cpu::since_now()?);
    pace(&senders(&running), &batches, rate);
    let elapsed = begin.elapsed();
    Ok(Done { elapsed, ..finish(running, &cpu)? })
}

impl Configuration {
    fn start(&self, bench: &Bench<'_>) -> Result<Vec<Running>> {
        let directory = bench.fresh_directory()?;
        self.subjects.iter().map(|subject| subject.start(&directory, &bench.receiver, self.cpu)).collect()
    }
}

fn senders(running: &[Running]) -> Vec<&egret_exporters::sink::Sender> {
    running.iter().map(|one| &one.sender).collect()
}

fn finish(running: Vec<Running>, cpu: &Cpu) -> Result<Done> {
    let mut done = Done { offered: 0, lost: 0, cpu: Duration::ZERO, elapsed: Duration::ZERO };
    for one in running {
        let account = one.finish()?;
        done.offered = account.enqueued;
        done.lost = done.lost.max(account.dropped.total());
    }
    done.cpu = cpu.used()?;
    Ok(done)
}

/// CPU time of all threads but the calling one, which offers the events.
struct Cpu {
    all: Duration,
    this: Duration,
}

impl Cpu {
    fn since_now() -> Result<Self> {
        Ok(Self { all: own_cpu_time()?, this: thread_cpu_time()? })
    }

    fn used(&self) -> Result<Duration> {
        let this = thread_cpu_time()?.saturating_sub(self.this);
        Ok(own_cpu_time()?.saturating_sub(self.all).saturating_sub(this))
    }
}
