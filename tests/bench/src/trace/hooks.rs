//! Run time of every program, from the kernel's own account.
//!
//! Measured separately from the overhead: the statistics cost 20 to 40 ns a run, which are not in the figures of a
//! program but would be in those of the workload.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use aya::sys::{Stats, enable_stats};

use super::Bench;
use crate::collector::{Collector, Configuration};
use crate::host::{Hook, Hooks, hooks_of};
use crate::report::{Table, nanoseconds};
use crate::workload::{self, Calibrated};

/// Programs with fewer runs an operation are unrelated to the workload.
const RELATED: f64 = 0.02;

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let workloads = workload::calibrated(bench.options, bench.machine.cpus)?;
    let mut text = String::from(
        "Runs are counted for the whole host, so other traffic shows too; an operation can run a hook on both of its \
         sockets. Every figure includes the cost of measuring it: `sock_send_length` under `unix-datagram`, which reads the \
         address family and returns, shows the cost of a run that does nothing.\n\n",
    );
    for configuration in [Configuration::Sockets, Configuration::Syscalls] {
        match Collector::start(configuration, bench.programs) {
            Ok(Some(collector)) => text.push_str(&under(bench, configuration, &collector, &workloads)?),
            Ok(None) => {}
            Err(error) => {
                let _ = write!(text, "Not measured: {}: {error:#}\n\n", configuration.name());
            }
        }
    }
    Ok(text)
}

/// Measures the hooks on packets alone; returns Markdown.
pub(super) fn measure_names(bench: &Bench<'_>) -> Result<String> {
    let configuration = Configuration::SocketsNames;
    let workloads = workload::calibrated(bench.options, bench.machine.cpus)?;
    match Collector::start(configuration, bench.programs)? {
        Some(collector) => Ok(table(bench, configuration, &collector, &workloads, is_of_names)?.to_string()),
        None => Ok(String::new()),
    }
}

fn is_of_names(hook: &Hook) -> bool {
    hook.name.starts_with("names_")
}

fn under(
    bench: &Bench<'_>,
    configuration: Configuration,
    collector: &Collector,
    workloads: &[Calibrated],
) -> Result<String> {
    let table = table(bench, configuration, collector, workloads, |_| true)?;
    let sizes = sizes(&hooks_of(collector.pid())?);
    Ok(format!("### Layer {}\n\n{table}\nMachine code of each program:\n\n{sizes}\n", configuration.name()))
}

/// The run time of the selected hooks under each workload.
fn table(
    bench: &Bench<'_>,
    configuration: Configuration,
    collector: &Collector,
    workloads: &[Calibrated],
    wanted: impl Fn(&Hook) -> bool,
) -> Result<Table> {
    let mut table = Table::new(["workload", "hook", "runs an operation", "a run", "an operation"]);
    for workload in workloads {
        eprintln!("  {} under {}", workload.kind.name, configuration.name());
        let before = hooks_of(collector.pid())?;
        // The kernel disables them when this is dropped, also if this program is killed.
        let account = enable_stats(Stats::RunTime).context("cannot switch the kernel's statistics on")?;
        workload.kind.time(workload.operations, bench.machine.cpus)?;
        drop(account);
        let mut after = hooks_of(collector.pid())?;
        after.retain(|_, hook| wanted(hook));
        // The warm-up counts as well.
        rows(&mut table, workload.kind.name, workload.operations + workload.operations / 20 + 1, &before, &after);
    }
    Ok(table)
}

fn rows(table: &mut Table, workload: &str, operations: u64, before: &Hooks, after: &Hooks) {
    let (mut sum, mut rows) = (0.0, 0);
    for (id, hook) in after {
        let earlier = before.get(id).map_or((0, 0), |hook| (hook.runs, hook.run_time_ns));
        let (runs, time) = (hook.runs.saturating_sub(earlier.0), hook.run_time_ns.saturating_sub(earlier.1));
        let each = runs as f64 / operations as f64;
        if each < RELATED {
            continue;
        }
        let cost = time as f64 / operations as f64;
        let name = format!("`{}`", hook.name);
        let run = nanoseconds(time as f64 / runs as f64);
        table.row([&format!("`{workload}`"), &name, &format!("{each:.2}"), &run, &nanoseconds(cost)]);
        sum += cost;
        rows += 1;
    }
    if rows != 1 {
        table.row([&format!("`{workload}`"), "all", "", "", &nanoseconds(sum)]);
    }
}

fn sizes(hooks: &Hooks) -> Table {
    let mut hooks: Vec<&Hook> = hooks.values().collect();
    hooks.sort_by_key(|hook| std::cmp::Reverse(hook.jited_bytes));
    let mut table = Table::new(["hook", "bytes"]);
    for hook in hooks {
        table.row([format!("`{}`", hook.name), hook.jited_bytes.to_string()]);
    }
    table
}
