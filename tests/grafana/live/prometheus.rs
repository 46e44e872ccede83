//! A Prometheus in the namespace of the daemon that it scrapes.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use egret_tests::{Namespace, Process, Scratch, until};
use serde_json::{Value, json};

#[path = "../../sinks/prometheus/http.rs"]
mod http;

/// A short scrape interval, because tests wait for scrapes. Rules are loaded, so that mistakes in them are reported.
const CONFIGURATION: &str = "\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [RULES]
scrape_configs:
  - job_name: egret
    static_configs: [{targets: [TARGET]}]
";

pub(crate) struct Prometheus {
    address: String,
    /// Time of the first scrape, Unix time in seconds.
    since: u64,
    _process: Process,
    _scratch: Scratch,
}

impl Prometheus {
    pub(crate) fn scraping(target: &str, namespace: &Namespace) -> Self {
        let scratch = Scratch::new();
        let configuration = scratch.path("prometheus.yml");
        let rules = crate::source::grafana().join("alerts/egret.yml");
        let text = CONFIGURATION.replace("TARGET", target).replace("RULES", &rules.to_string_lossy());
        fs::write(&configuration, text).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 9090));
        let mut command = namespace.command("prometheus");
        command.arg(format!("--config.file={}", configuration.display()));
        command.arg(format!("--storage.tsdb.path={}", scratch.path("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        let server = Self { address: address.to_string(), since: now(), _process: process, _scratch: scratch };
        namespace.within(|| {
            until("Prometheus", || http::try_get(&server.address, "/-/ready").filter(|(status, _)| *status == 200));
            until("a scrape", || {
                server.at(now(), "up")["result"][0]["value"][1].as_str().filter(|up| *up == "1").map(|_| ())
            });
        });
        server
    }

    /// From the first scrape to now, Unix time in seconds.
    pub(crate) fn times(&self) -> [u64; 2] {
        [self.since, now()]
    }

    /// The answer to an instant query, or `{"error": ...}`.
    pub(crate) fn at(&self, time: u64, query: &str) -> Value {
        self.ask(&format!("query?query={}&time={time}", encoded(query)))
    }

    /// The answer to a range query from the first scrape to now, every so many seconds, or `{"error": ...}`.
    pub(crate) fn over_time(&self, query: &str, step: u64) -> Value {
        let [from, to] = self.times();
        self.ask(&format!("query_range?query={}&start={from}&end={to}&step={step}", encoded(query)))
    }

    /// Problems of its rules.
    pub(crate) fn problems_of_rules(&self) -> Vec<String> {
        let groups = self.ask("rules")["groups"].clone();
        let rules = groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
        let problem = |rule: &Value| Some(rule["lastError"].as_str()?.to_owned()).filter(|error| !error.is_empty());
        rules.filter_map(problem).collect()
    }

    fn ask(&self, path: &str) -> Value {
        let (status, body) = http::get(&self.address, &format!("/api/v1/{path}"));
        let answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status} {error}: {body}"));
        if answer["status"] == "success" { answer["data"].clone() } else { json!({ "error": answer["error"] }) }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn encoded(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
