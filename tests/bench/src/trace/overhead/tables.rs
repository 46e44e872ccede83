//! The results in Markdown.

use std::fmt::Write as _;

use super::Findings;
use super::samples::Clock::{self, Cpu, Wall};
use crate::collector::Configuration::{self, Bpftrace, BpftraceTcp, Sockets, Untraced};
use crate::collector::Summary;
use crate::report::{Aims, Table, nanoseconds, ratio};
use crate::statistics::Spread;
use crate::workload::Calibrated;

/// Aimed throughput under the `sockets` layer, relative to untraced.
const FLOORS: [(&str, f64); 4] =
    [("tcp-connect", 0.90), ("tcp-connect-reset", 0.90), ("udp-one-peer", 0.90), ("udp-connected", 0.90)];

/// Aimed time relative to untraced.
const UNRELATED_CALL: f64 = 1.03;

impl Findings {
    pub(super) fn to_markdown(&self, rounds: usize) -> String {
        let mut text = format!("{}\n{}\n", self.aims(), self.caveats(rounds));
        let _ = write!(text, "Throughput relative to untraced, median (least–most):\n\n{}\n", self.ratios(Wall));
        let _ = write!(
            text,
            "The same by CPU time of the loop's threads, hooks included, waiting and being interrupted by other programs \
             not:\n\n{}\n",
            self.ratios(Cpu)
        );
        let _ = write!(text, "Time of one operation, median:\n\n{}\n", self.times());
        let _ = write!(text, "Records over all rounds:\n\n{}\n", self.records());
        text.push_str("Operations:\n\n");
        for workload in &self.workloads {
            let _ = writeln!(
                text,
                "- `{}` ({} in a sample): {}",
                workload.kind.name, workload.operations, workload.kind.operation
            );
        }
        text
    }

    pub(super) fn to_comparison(&self, rounds: usize) -> String {
        let mut text = self.caveats(rounds);
        let (wall, cpu) = (self.ratios(Wall), self.ratios(Cpu));
        let _ = write!(text, "\nThroughput relative to untraced, median (least–most):\n\n{wall}\n");
        let _ = write!(text, "The same by CPU time of the loop's threads:\n\n{cpu}\n");
        let _ = write!(text, "Time of one operation, median:\n\n{}\n", self.times());
        let _ = write!(text, "Records over all rounds:\n\n{}\n", self.records());
        text
    }

    fn aims(&self) -> Aims {
        let mut aims = Aims::default();
        let unrelated = |clock| self.samples.speed(clock, "getppid", Sockets, Untraced).map(|speed| 1.0 / speed.median);
        if let Some((wall, cpu)) = unrelated(Wall).zip(unrelated(Cpu)) {
            let aim = format!("at most {UNRELATED_CALL:.2} of untraced time");
            let measured = format!("{wall:.3}; by CPU time {cpu:.3}");
            aims.add("`getppid` under `sockets`", &aim, &measured, wall <= UNRELATED_CALL);
        }
        for (workload, floor) in FLOORS {
            if let Some((wall, measured)) = self.both_clocks(workload, Untraced) {
                let what = format!("`{workload}` under `sockets`");
                aims.add(&what, &format!("at least {floor:.2}"), &measured, wall.median >= floor);
            }
        }
        for workload in ["tcp-connect", "tcp-connect-reset"] {
            for other in [Bpftrace, BpftraceTcp] {
                if let Some((wall, measured)) = self.both_clocks(workload, other) {
                    let what = format!("`{workload}` under `sockets`, relative to {}", other.name());
                    aims.add(&what, "more than 1.00", &measured, wall.median > 1.0);
                }
            }
        }
        aims
    }

    /// Throughput under `sockets` relative to another configuration, and the text for it with the ratio of CPU times.
    fn both_clocks(&self, workload: &'static str, other: Configuration) -> Option<(Spread, String)> {
        let wall = self.samples.speed(Wall, workload, Sockets, other)?;
        let cpu = self.samples.speed(Cpu, workload, Sockets, other)?;
        Some((wall, format!("{}; by CPU time {:.3}", ratio(wall), cpu.median)))
    }

    fn caveats(&self, rounds: usize) -> String {
        let mut text = format!(
            "{rounds} rounds. The loop runs on CPU 0, the thread of its peer on the last CPU, tracers where the scheduler \
             places them; output goes to a file on tmpfs. `bpftrace` is a script with the same fields, `bpftrace-tcp` its TCP \
             half without system-call tracepoints (tests/bench/src/collector).\n"
        );
        for why in &self.left_out {
            let _ = write!(text, "\nNot measured: {why}\n");
        }
        if let Some(others) = Spread::of(self.others.iter().copied()) {
            let _ = write!(
                text,
                "\nOther programs used {:.1} % of the CPUs while nothing was traced (at most {:.1} %).\n",
                100.0 * others.median,
                100.0 * others.most
            );
        }
        if self.foreign_programs > 0 {
            let _ = write!(
                text,
                "\n**{} tracing programs of others were in the kernel during untraced samples: ratios are too good.**\n",
                self.foreign_programs
            );
        }
        text
    }

    fn ratios(&self, clock: Clock) -> Table {
        let columns: Vec<_> = self.configurations.iter().copied().filter(|one| *one != Untraced).collect();
        self.table(&columns, |workload, one| self.samples.speed(clock, workload.kind.name, one, Untraced).map(ratio))
    }

    fn times(&self) -> Table {
        self.table(&self.configurations, |workload, one| {
            let sample = self.samples.time(Wall, workload.kind.name, one)?;
            Some(nanoseconds(sample.median / workload.operations as f64))
        })
    }

    fn table(&self, columns: &[Configuration], cell: impl Fn(&Calibrated, Configuration) -> Option<String>) -> Table {
        let mut table = Table::new(["workload"].into_iter().chain(columns.iter().map(|one| one.name())));
        for workload in &self.workloads {
            let cells = columns.iter().map(|one| cell(workload, *one).unwrap_or_else(|| "-".to_owned()));
            table.row([format!("`{}`", workload.kind.name)].into_iter().chain(cells));
        }
        table
    }

    /// A tracer that loses records is cheaper than it should be.
    fn records(&self) -> Table {
        let mut table = Table::new(["configuration", "captured", "delivered", "lost", "dropped by sinks"]);
        for (configuration, summary) in &self.summaries {
            let or_dash = |count: u64| if count == 0 { "-".to_owned() } else { count.to_string() };
            let name = configuration.name().to_owned();
            let Summary { captured, delivered, lost, dropped } = *summary;
            table.row([name, or_dash(captured), or_dash(delivered), lost.to_string(), or_dash(dropped)]);
        }
        table
    }
}
