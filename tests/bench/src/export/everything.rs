//! The daemon with all its sinks, on real connections.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Bench;
use crate::collector::Configuration::{Control, Everything, SocketsNames, Untraced};
use crate::collector::{Collector, Summary};
use crate::host::{cpu_time, peak_memory, proportional_memory};
use crate::report::{Aims, Table, bytes};
use crate::trace::storm::{Storm, generate};
use crate::trace::{self, overhead};

/// All sinks, bytes.
const MEMORY: u64 = 60_000_000;

/// Connections a second, opened, accepted and closed twice: four events. None is as many as go.
const RATES: [Option<u32>; 5] = [Some(0), Some(2000), Some(10_000), Some(20_000), None];

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let memory = memory(bench)?;
    let options = bench.options.trace();
    let trace = trace::Bench { options: &options, programs: &bench.programs, machine: &bench.machine };
    let cost = overhead::compare(&trace, vec![Untraced, Control, SocketsNames, Everything])?;
    Ok(format!(
        "`everything` is `egret run` with its defaults, names and digests included, and all sinks on: Parquet and JSON lines to \
         tmpfs, metrics, OTLP over gRPC to a process that decodes and forgets.\n\n### Memory\n\n{memory}\n\
         ### What it costs a busy program\n\n`sockets-names` is `egret trace --format json`.\n\n{cost}"
    ))
}

/// The result at one rate.
struct Outcome {
    connections: u64,
    elapsed: Duration,
    cpu: Duration,
    /// Proportional set size when the traffic had ended, bytes.
    memory: u64,
    /// Most that was resident at any time, bytes.
    peak: u64,
    summary: Summary,
}

fn memory(bench: &Bench<'_>) -> Result<String> {
    let mut table = Table::new([
        "connections a second",
        "events captured",
        "lost",
        "dropped by sinks",
        "CPU of one core",
        "memory (PSS)",
        "peak (RSS)",
    ]);
    let mut peak = 0;
    for rate in RATES {
        let Outcome { connections, elapsed, cpu, memory, peak: most, summary } = one(bench, rate)?;
        let Summary { captured, lost, dropped, .. } = summary;
        peak = peak.max(most);
        table.row([
            format!("{:.0}", connections as f64 / elapsed.as_secs_f64()),
            captured.to_string(),
            lost.to_string(),
            dropped.to_string(),
            format!("{:.1} %", 100.0 * cpu.as_secs_f64() / elapsed.as_secs_f64()),
            bytes(memory),
            bytes(most),
        ]);
    }
    let mut aims = Aims::default();
    aims.add(
        "memory of all sinks, peak at any rate",
        &format!("at most {}", bytes(MEMORY)),
        &bytes(peak),
        peak <= MEMORY,
    );
    Ok(format!(
        "{aims}\nAs many threads as CPUs connect, accept and reset for {} s at each rate, the last time as fast as they can; a new \
         daemon each time. Dropped is what all sinks together had no room for.\n\n{table}",
        bench.options.storm().as_secs()
    ))
}

fn one(bench: &Bench<'_>, rate: Option<u32>) -> Result<Outcome> {
    let collector = Collector::start(Everything, &bench.programs)?.context("everything is something that traces")?;
    let before = cpu_time(collector.pid())?;
    let (connections, elapsed) = generate(Storm::Connect, rate, bench.machine.cpus, bench.options.storm())?;
    let cpu = cpu_time(collector.pid())?.saturating_sub(before);
    let (memory, peak) = (proportional_memory(collector.pid())?, peak_memory(collector.pid())?);
    let summary = collector.stop()?.summary;
    Ok(Outcome { connections, elapsed, cpu, memory, peak, summary })
}
