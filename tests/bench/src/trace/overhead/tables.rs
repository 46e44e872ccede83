//! The findings in Markdown.

use std::fmt::Write as _;

use super::Findings;
use crate::collector::Configuration::{self, Bpftrace, BpftraceTcp, Sockets, Untraced};
use crate::report::{Aims, Table, nanoseconds, ratio};

/// Throughput that is aimed for under the `sockets` layer, relative to untraced.
const FLOORS: [(&str, f64); 4] =
    [("tcp-connect", 0.90), ("tcp-connect-reset", 0.90), ("udp-one-peer", 0.90), ("udp-connected", 0.90)];

/// Time that is aimed for, relative to untraced.
const UNRELATED_CALL: f64 = 1.03;

impl Findings {
    pub(super) fn to_markdown(&self, rounds: usize) -> String {
        let mut text = format!("{}\n{}\n", self.aims(), self.caveats(rounds));
        let _ = write!(text, "Throughput relative to untraced, median (least–most):\n\n{}\n", self.ratios());
        let _ = write!(text, "Time of one operation, median:\n\n{}\n", self.times());
        let _ = write!(text, "Records over all rounds:\n\n{}\n", self.records());
        text.push_str("Operations:\n\n");
        for sized in &self.workloads {
            let _ =
                writeln!(text, "- `{}` ({} in a sample): {}", sized.kind.name, sized.operations, sized.kind.operation);
        }
        text
    }

    fn aims(&self) -> Aims {
        let mut aims = Aims::default();
        if let Some(throughput) = self.samples.throughput("getppid", Sockets, Untraced) {
            let time = 1.0 / throughput.median;
            let aim = format!("at most {UNRELATED_CALL:.2} of untraced time");
            aims.add("`getppid` under `sockets`", &aim, &format!("{time:.3}"), time <= UNRELATED_CALL);
        }
        for (workload, floor) in FLOORS {
            if let Some(throughput) = self.samples.throughput(workload, Sockets, Untraced) {
                let what = format!("`{workload}` under `sockets`");
                aims.add(&what, &format!("at least {floor:.2}"), &ratio(throughput), throughput.median >= floor);
            }
        }
        for workload in ["tcp-connect", "tcp-connect-reset"] {
            for other in [Bpftrace, BpftraceTcp] {
                if let Some(throughput) = self.samples.throughput(workload, Sockets, other) {
                    let what = format!("`{workload}` under `sockets`, relative to {}", other.name());
                    aims.add(&what, "more than 1.00", &ratio(throughput), throughput.median > 1.0);
                }
            }
        }
        aims
    }

    fn caveats(&self, rounds: usize) -> String {
        let mut text = format!(
            "{rounds} rounds. The loop runs on CPU 0, a thread at the other end on the last CPU, tracers where the scheduler \
             puts them; output goes to a file on tmpfs. `bpftrace` is a script with the same fields, `bpftrace-tcp` its TCP \
             half without system-call tracepoints (tests/bench/src/collector).\n"
        );
        for why in &self.left_out {
            let _ = write!(text, "\nNot measured: {why}\n");
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

    fn ratios(&self) -> Table {
        self.table(
            &self.configurations.iter().copied().filter(|one| *one != Untraced).collect::<Vec<_>>(),
            |name, one| self.samples.throughput(name, one, Untraced).map(ratio),
        )
    }

    fn times(&self) -> Table {
        self.table(&self.configurations, |name, one| self.samples.time(name, one).map(|time| nanoseconds(time.median)))
    }

    fn table(&self, columns: &[Configuration], cell: impl Fn(&'static str, Configuration) -> Option<String>) -> Table {
        let mut table = Table::new(["workload"].into_iter().chain(columns.iter().map(|one| one.name())));
        for sized in &self.workloads {
            let name = sized.kind.name;
            let cells = columns.iter().map(|one| cell(name, *one).unwrap_or_else(|| "-".to_owned()));
            table.row([format!("`{name}`")].into_iter().chain(cells));
        }
        table
    }

    /// A tracer that loses records is cheaper than it should be.
    fn records(&self) -> Table {
        let mut table = Table::new(["configuration", "captured", "delivered", "lost"]);
        for (configuration, summary) in &self.summaries {
            let told = |count: u64| if count == 0 { "-".to_owned() } else { count.to_string() };
            let name = configuration.name().to_owned();
            table.row([name, told(summary.captured), told(summary.delivered), summary.lost.to_string()]);
        }
        table
    }
}
