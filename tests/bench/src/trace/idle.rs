//! Resources of an idle egret.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Bench;
use crate::collector::{Collector, Configuration};
use crate::host::{cpu_time, kernel_memory, proportional_memory};
use crate::report::{Aims, Table, bytes, share};

/// Of one core, percent.
const CPU: f64 = 0.1;

/// Proportional set size, bytes.
const MEMORY: u64 = 25_000_000;

struct Idle {
    /// Of one core, percent.
    cpu: f64,
    memory: u64,
    kernel_memory: u64,
    /// Lines written meanwhile: other programs of the host may be active.
    lines: u64,
}

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let (mut aims, mut left_out) = (Aims::default(), String::new());
    let mut table = Table::new(["layer", "CPU of one core", "memory (PSS)", "kernel memory", "events meanwhile"]);
    for configuration in [Configuration::Sockets, Configuration::Syscalls, Configuration::Procfs] {
        let name = configuration.name();
        let idle = match Collector::start(configuration, bench.programs) {
            Ok(Some(collector)) => watch(&collector, bench.options.idle())?,
            Ok(None) => continue,
            Err(error) => {
                let _ = write!(left_out, "\nNot measured: {name}: {error:#}\n");
                continue;
            }
        };
        let cpu = share(idle.cpu, 100.0);
        table.row([name, &cpu, &bytes(idle.memory), &bytes(idle.kernel_memory), &idle.lines.to_string()]);
        if configuration == Configuration::Sockets {
            aims.add("idle CPU under `sockets`", &format!("at most {CPU} %"), &cpu, idle.cpu <= CPU);
            aims.add("memory (PSS) under `sockets`", "at most 25 MB", &bytes(idle.memory), idle.memory <= MEMORY);
        }
    }
    Ok(format!(
        "{aims}\nWatched for {} s each, as `egret trace --format json` into a file. CPU time is the scheduler's account of all \
         threads; kernel memory is what the kernel charges for maps, rings and programs (`memlock` in fdinfo), without the \
         state inside sockets (some 200 bytes each).\n\n{table}{left_out}",
        bench.options.idle().as_secs()
    ))
}

fn watch(collector: &Collector, duration: Duration) -> Result<Idle> {
    let pid = collector.pid();
    // The start is complete by then; the steady state is measured.
    thread::sleep(Duration::from_secs(1));
    let (lines, cpu, begin) = (collector.output().count()?, cpu_time(pid)?, Instant::now());
    thread::sleep(duration);
    let used = cpu_time(pid)?.saturating_sub(cpu);
    Ok(Idle {
        cpu: 100.0 * used.as_secs_f64() / begin.elapsed().as_secs_f64(),
        memory: proportional_memory(pid)?,
        kernel_memory: kernel_memory(pid)?,
        lines: collector.output().count()? - lines,
    })
}
