//! Baselines by SQL from the logs of many hosts: row for row the same as from `egret baseline learn --exact`.

mod made_up;
mod recorded;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use egret_tests::{Scratch, egret, in_full, needing, needing_python, python, stdout_of, test};
use libtest_mimic::Trial;

use crate::example;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        needing_python(test("fleet::duckdb_agrees_on_real_traffic", || agrees(&DUCKDB, &recorded::log))),
        needing_python(test("fleet::duckdb_agrees_on_odd_flows", || agrees(&DUCKDB, &made_up::log))),
        needing_python(test("fleet::sql_result_is_a_valid_baseline", a_baseline)),
    ];
    for engine in [&SPARK, &CLICKHOUSE] {
        let long = |what, log: fn(&Scratch) -> PathBuf| {
            let name = format!("fleet::{}_agrees_on_{what}", engine.name);
            in_full(test(&name, move || agrees(engine, &log)))
        };
        let both = [long("real_traffic", recorded::log), long("odd_flows", made_up::log)];
        trials.extend(both.map(|trial| if engine.name == "spark" { needing("java", trial) } else { trial }));
    }
    trials
}

/// A query, and the Python that has its engine.
struct Engine {
    name: &'static str,
    python: fn() -> PathBuf,
}

const DUCKDB: Engine = Engine { name: "duckdb", python };
const SPARK: Engine = Engine { name: "spark", python: engines };
const CLICKHOUSE: Engine = Engine { name: "clickhouse", python: engines };

/// The interpreter that has the packages of `tests/requirements-engines.txt`.
fn engines() -> PathBuf {
    std::env::var_os("EGRET_PYTHON_ENGINES")
        .map_or_else(|| PathBuf::from("../target/python-engines/bin/python"), PathBuf::from)
}

/// A rule with its evidence: flows, days, first and last time.
type Row = (String, u64, u64, String, String);

impl Engine {
    /// The result of the query for a log, with the number of hosts of each rule.
    fn rows(&self, log: &Path) -> Vec<(Row, u64)> {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/engines.py");
        let mut command = Command::new((self.python)());
        command.args([program, self.name]).arg(example(&format!("fleet/baseline.{}.sql", self.name))).arg(log);
        let read = |line: &str| {
            let (rule, flows, days, first, last, hosts) = serde_json::from_str(line).unwrap();
            ((rule, flows, days, first, last), hosts)
        };
        stdout_of(&mut command).lines().map(read).collect()
    }
}

/// The rows of a baseline.
fn rows(baseline: &str) -> Vec<Row> {
    let read = |line: &str| {
        let (rule, seen) = line.rsplit_once("  # seen ").unwrap();
        let words: Vec<&str> = seen.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let [flows, _, "on", days, _, first, "to", last, ..] = words.as_slice() else { panic!("{line}") };
        let numbers = (flows.parse().unwrap(), days.parse().unwrap());
        (rule.to_owned(), numbers.0, numbers.1, (*first).to_owned(), (*last).to_owned())
    };
    baseline.lines().filter(|line| line.starts_with("allow ")).map(read).collect()
}

fn learned(scratch: &Scratch, log: &Path) -> Vec<Row> {
    let file = scratch.path("baseline");
    let mut learn = Command::new(egret());
    stdout_of(learn.args(["baseline", "learn", "--exact", "--baseline"]).arg(&file).arg("--log").arg(log));
    rows(&std::fs::read_to_string(file).unwrap())
}

fn agrees(engine: &Engine, log: &dyn Fn(&Scratch) -> PathBuf) {
    let scratch = Scratch::new();
    let log = log(&scratch);
    let learned = learned(&scratch, &log);
    let (queried, hosts): (Vec<Row>, Vec<u64>) = engine.rows(&log).into_iter().unzip();
    assert!(learned.len() >= 8, "{learned:#?}");
    assert_eq!(queried.len(), queried.iter().collect::<BTreeSet<_>>().len(), "{queried:#?}");
    let [by_egret, by_sql]: [BTreeSet<Row>; 2] = [learned, queried].map(|rows| rows.into_iter().collect());
    let only = |some: &BTreeSet<Row>, others: &BTreeSet<Row>| some.difference(others).cloned().collect::<Vec<_>>();
    assert_eq!((only(&by_egret, &by_sql), only(&by_sql, &by_egret)), (vec![], vec![]), "by egret alone, by SQL alone");
    // Both logs have two hosts, and some programs ran on both.
    assert!(hosts.contains(&1) && hosts.contains(&2), "{hosts:?}");
}

/// Builds the baseline from the rows as docs/fleet.md says.
fn a_baseline() {
    let scratch = Scratch::new();
    let log = made_up::log(&scratch);
    let rules = DUCKDB.rows(&log);
    let lines = rules.iter().map(|((rule, flows, days, first, last), hosts)| {
        format!("{rule}  # seen {flows} times on {days} days, {first} to {last}; on {hosts} hosts\n")
    });
    let file = scratch.path("fleet.baseline");
    std::fs::write(&file, format!("format 1\n{}", lines.collect::<String>())).unwrap();
    let checked = stdout_of(Command::new(egret()).args(["baseline", "check"]).arg(&file));
    assert!(checked.contains(&format!("{} rules", rules.len())), "{checked}");
    let mut replay = Command::new(egret());
    let replay =
        stdout_of(replay.args(["baseline", "replay", "--json", "--baseline"]).arg(&file).arg("--log").arg(&log));
    let replay: serde_json::Value = serde_json::from_str(&replay).unwrap();
    // Frames are never evaluated. Failed flows count for no rule, and are allowed by the rules of others.
    let judged = rules.iter().filter(|((rule, ..), _)| !rule.contains(" -> packet "));
    let counted: u64 = judged.map(|((_, flows, ..), _)| flows).sum();
    assert!(replay["allowed"].as_u64() >= Some(counted), "{counted}: {replay}");
}
