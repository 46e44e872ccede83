//! A thousand processes that connect, send a byte and end: how many are attributed correctly, when, and at what cost.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use aya::sys::{Stats, enable_stats};
use jiff::Timestamp;
use serde_json::Value;

use super::Bench;
use crate::collector::{Collector, Configuration, Line};
use crate::host::{cpu_time, hooks_of};
use crate::report::{Aims, Table, nanoseconds, seconds};
use crate::statistics::percentile;

/// Time for events after the last process.
const GRACE: Duration = Duration::from_secs(2);

/// Results of one layer.
#[derive(Default)]
struct Findings {
    /// Correct process id and executable.
    right: u64,
    /// Wrong process id or executable.
    wrong: u64,
    /// The connection was reported without a process.
    unnamed: u64,
    /// The connection was not reported.
    unseen: u64,
    /// From the event's own time to its arrival at the reader, nanoseconds.
    delays: Vec<f64>,
    cpu: Duration,
    in_hooks: Duration,
    elapsed: Duration,
}

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let count = bench.options.processes();
    let (mut aims, mut left_out) = (Aims::default(), String::new());
    let mut table = Table::new([
        "layer",
        "right",
        "wrong",
        "unnamed",
        "not seen",
        "delay, median",
        "99 %",
        "most",
        "egret's CPU",
        "in hooks",
        "took",
    ]);
    for configuration in [Configuration::Sockets, Configuration::Syscalls, Configuration::Procfs] {
        let name = configuration.name();
        eprintln!("  {name}");
        let findings = match Collector::start_read(configuration, bench.programs) {
            Ok(Some(collector)) => run(bench, collector, count)?,
            Ok(None) => continue,
            Err(error) => {
                let _ = write!(left_out, "\nNot measured: {name}: {error:#}\n");
                continue;
            }
        };
        table.row(findings.cells(name));
        if configuration == Configuration::Sockets {
            let measured = format!("{} of {count}", findings.right);
            aims.add("identified under `sockets`", &format!("{count} of {count}"), &measured, findings.right == count);
        }
    }
    Ok(format!(
        "{aims}\n{count} processes one after the other (`egret-traffic tcp-short`), each of which connects over loopback, sends \
         a byte and ends; right means the right pid *and* the right executable for the connection's own addresses and ports. \
         The delay is from the time on the event to its line's arrival in a pipe; for procfs that time is the scan's, so the \
         connect itself was earlier.\n\n{table}{left_out}"
    ))
}

fn run(bench: &Bench<'_>, collector: Collector, count: u64) -> Result<Findings> {
    let account = enable_stats(Stats::RunTime).context("cannot switch the kernel's statistics on")?;
    let (cpu, begin) = (cpu_time(collector.pid())?, Instant::now());
    let report = short_lived(bench, count)?;
    let elapsed = begin.elapsed();
    let truth = Truth::read(&report)?;
    wait_for_last(&collector, &truth);
    let cpu = cpu_time(collector.pid())?.saturating_sub(cpu);
    let in_hooks = hooks_of(collector.pid())?.values().map(|hook| hook.run_time_ns).sum();
    drop(account);
    let lines = collector.stop()?.output.into_lines();
    let mut findings = truth.judge(&lines);
    (findings.cpu, findings.elapsed, findings.in_hooks) = (cpu, elapsed, Duration::from_nanos(in_hooks));
    Ok(findings)
}

fn short_lived(bench: &Bench<'_>, count: u64) -> Result<Value> {
    let output = Command::new(&bench.programs.traffic)
        .args(["tcp-short", "--count", &count.to_string()])
        .stdin(Stdio::null())
        .output()
        .context("cannot run egret-traffic")?;
    if !output.status.success() {
        bail!("egret-traffic failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("egret-traffic printed no JSON")
}

/// Waits until the last connection is reported, or for the grace period.
fn wait_for_last(collector: &Collector, truth: &Truth) {
    let begin = Instant::now();
    let last = truth.last_port.map(|port| format!("\"network.local.port\":{port},"));
    while begin.elapsed() < GRACE && !last.as_ref().is_some_and(|last| collector.output().contains(last)) {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Local and peer address and port. One endpoint may belong to several connections.
type Endpoints = [(String, u64); 2];

/// The reports of the processes.
struct Truth {
    executable: String,
    /// Process ids by the endpoints of their connections, in order.
    processes: HashMap<Endpoints, Vec<u64>>,
    /// Local port of the last one.
    last_port: Option<u64>,
}

impl Truth {
    fn read(report: &Value) -> Result<Self> {
        let executable =
            report.get("exe").and_then(Value::as_str).context("the report names no executable")?.to_owned();
        let children = report.get("children").and_then(Value::as_array).context("the report has no children")?;
        // The server is a child as well; only short-lived processes have a way of that name.
        let short = children.iter().filter(|child| child.get("way").and_then(Value::as_str) == Some("one-shot"));
        let found = short.map(|child| Some((reported_endpoints(child)?, child.get("pid")?.as_u64()?)));
        let found = found.collect::<Option<Vec<_>>>().context("a short process did not connect")?;
        let last_port = found.last().map(|([(_, port), _], _)| *port);
        let mut processes: HashMap<Endpoints, Vec<u64>> = HashMap::new();
        for (ends, pid) in found {
            processes.entry(ends).or_default().push(pid);
        }
        Ok(Self { executable, processes, last_port })
    }

    /// The first event of each connection counts. Connections with the same endpoints differ in their ids, and belong
    /// to the processes in order: a missing one makes the next ones wrong, never right.
    fn judge(&self, lines: &[Line]) -> Findings {
        let mut findings = Findings::default();
        let mut seen: HashMap<Endpoints, Vec<String>> = HashMap::new();
        for line in lines {
            let Ok(event) = serde_json::from_str::<Value>(&line.text) else { continue };
            let Some((ends, id)) = event_endpoints(&event).zip(connection_id(&event)) else { continue };
            let Some(pids) = self.processes.get(&ends) else { continue };
            let ids = seen.entry(ends).or_default();
            if ids.contains(&id) {
                continue;
            }
            // More connections than processes: another program used the same endpoints.
            let Some(pid) = pids.get(ids.len()) else { continue };
            ids.push(id);
            findings.note(&event, *pid, &self.executable);
            findings.delays.extend(delay(&event, line.arrived));
        }
        let all: usize = self.processes.values().map(Vec::len).sum();
        let matched: usize = seen.values().map(Vec::len).sum();
        findings.unseen = (all - matched) as u64;
        findings
    }
}

fn connection_id(event: &Value) -> Option<String> {
    Some(event.get("connection.id")?.as_str()?.to_owned())
}

fn reported_endpoints(child: &Value) -> Option<Endpoints> {
    let end = |key: &str| {
        let (address, port) = child.get(key)?.as_str()?.rsplit_once(':')?;
        Some((address.to_owned(), port.parse().ok()?))
    };
    Some([end("local")?, end("peer")?])
}

fn event_endpoints(event: &Value) -> Option<Endpoints> {
    let end = |name: &str| {
        let address = event.get(format!("network.{name}.address"))?.as_str()?;
        Some((address.to_owned(), event.get(format!("network.{name}.port"))?.as_u64()?))
    };
    Some([end("local")?, end("peer")?])
}

fn delay(event: &Value, arrived: i64) -> Option<f64> {
    let time: Timestamp = event.get("timestamp")?.as_str()?.parse().ok()?;
    Some((i128::from(arrived) - time.as_nanosecond()) as f64)
}

impl Findings {
    fn note(&mut self, event: &Value, pid: u64, executable: &str) {
        let named = event.get("process.pid").and_then(Value::as_u64);
        let path = event.get("process.executable.path").and_then(Value::as_str);
        match named {
            None => self.unnamed += 1,
            Some(named) if named == pid && path == Some(executable) => self.right += 1,
            Some(_) => self.wrong += 1,
        }
    }

    fn cells(&self, name: &str) -> [String; 11] {
        let delay = |percent| percentile(&self.delays, percent).map_or_else(|| "-".to_owned(), nanoseconds);
        [
            name.to_owned(),
            self.right.to_string(),
            self.wrong.to_string(),
            self.unnamed.to_string(),
            self.unseen.to_string(),
            delay(50),
            delay(99),
            delay(100),
            seconds(self.cpu),
            seconds(self.in_hooks),
            seconds(self.elapsed),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Truth};
    use serde_json::json;

    const SERVER: u64 = 7;

    fn line(port: u64, peer: u64, pid: Option<u64>, path: &str) -> Line {
        let mut event = json!({
            "connection.id": format!("{port}-{pid:?}"),
            "timestamp": "1970-01-01T00:00:01Z",
            "network.local.address": "127.0.0.1",
            "network.local.port": port,
            "network.peer.address": "127.0.0.1",
            "network.peer.port": peer,
            "process.executable.path": path,
        });
        if let Some(pid) = pid {
            event["process.pid"] = pid.into();
        }
        Line { arrived: 1_000_005_000, text: event.to_string() }
    }

    #[test]
    fn attribution_needs_the_correct_pid_and_executable() {
        let child = |pid: u64, port: u64| {
            json!({
                "way": "one-shot",
                "pid": pid,
                "local": format!("127.0.0.1:{port}"),
                "peer": format!("127.0.0.1:{SERVER}"),
            })
        };
        let children = [child(1, 10), child(2, 20), child(3, 30), child(4, 40), child(5, 50)];
        let report = json!({"exe": "/bin/x", "children": children});
        let truth = Truth::read(&report).unwrap();
        let lines = [
            // Another connection with the same local port, and the right peer.
            line(10, 8, Some(9), "/bin/y"),
            line(SERVER, 10, Some(9), "/bin/y"),
            line(10, SERVER, Some(1), "/bin/x"),
            // Not the first event of this connection.
            line(10, SERVER, Some(9), "/bin/y"),
            line(20, SERVER, Some(9), "/bin/x"),
            line(30, SERVER, Some(3), "/bin/y"),
            line(40, SERVER, None, "/bin/x"),
            line(60, SERVER, Some(6), "/bin/x"),
        ];
        let findings = truth.judge(&lines);
        assert_eq!((findings.right, findings.wrong, findings.unnamed, findings.unseen), (1, 2, 1, 1));
        assert_eq!(findings.delays, vec![5000.0; 4]);
    }
    #[test]
    fn processes_with_equal_endpoints_are_distinguished_by_connection_id() {
        let child = |pid: u64| json!({"way": "one-shot", "pid": pid, "local": "127.0.0.1:10", "peer": "127.0.0.1:7"});
        let report = json!({"exe": "/bin/x", "children": [child(1), child(2)]});
        let truth = Truth::read(&report).unwrap();
        let both = truth.judge(&[line(10, SERVER, Some(1), "/bin/x"), line(10, SERVER, Some(2), "/bin/x")]);
        assert_eq!((both.right, both.wrong, both.unseen), (2, 0, 0));
        let late = truth.judge(&[line(10, SERVER, Some(2), "/bin/x")]);
        assert_eq!((late.right, late.wrong, late.unseen), (0, 1, 1));
    }
}
