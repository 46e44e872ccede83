//! The Parquet log of the daemon, asked as the DuckDB datasource would.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use egret_tests::python;
use serde_json::{Map, Value};

use crate::checks::dashboards::panels;
use crate::substitution::substituted_in_sql;

pub(crate) struct Log {
    pub(crate) directory: PathBuf,
    /// The chosen time, Unix time in seconds.
    pub(crate) times: [u64; 2],
}

impl Log {
    /// The answers to all statements of a dashboard by panel and query; `{"error": ...}` for those that fail.
    pub(crate) fn answers(&self, dashboard: &Value) -> Value {
        let [from, to] = self.times.map(|time| (time * 1000).to_string());
        let values = BTreeMap::from([
            ("log", self.directory.to_string_lossy().into_owned()),
            ("executable", String::new()),
            ("peer", String::new()),
            ("scope", ".*".to_owned()),
            ("__from", from),
            ("__to", to),
            ("__interval_ms", "1000".to_owned()),
        ]);
        let mut statements = Map::new();
        for panel in panels(dashboard) {
            for target in panel["targets"].as_array().unwrap() {
                if let Some(sql) = target["rawSql"].as_str() {
                    let name = format!("{}{}", panel["id"], target["refId"].as_str().unwrap());
                    statements.insert(name, Value::String(substituted_in_sql(sql, &values)));
                }
            }
        }
        if statements.is_empty() { Value::Null } else { asked(&Value::Object(statements)) }
    }
}

/// One run of DuckDB for all queries: its start takes longer than the queries.
fn asked(statements: &Value) -> Value {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/grafana/live/ask.py");
    let mut command = Command::new(python());
    command.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(statements.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
