//! A Prometheus that scrapes one daemon.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use egret_tests::{Process, Scratch, until};
use serde_json::Value;

use super::http::{get, try_get};

/// A short scrape interval, because tests wait for scrapes.
const CONFIGURATION: &str = "\
global: {scrape_interval: 200ms}
scrape_configs:
  - job_name: egret
    static_configs: [{targets: [TARGET]}]
";

pub(super) struct Prometheus {
    address: String,
    _process: Process,
    _scratch: Scratch,
}

impl Prometheus {
    /// Starts it, and waits for the first scrape.
    pub(super) fn scraping(target: &str) -> Self {
        let scratch = Scratch::new();
        let configuration = scratch.path("prometheus.yml");
        fs::write(&configuration, CONFIGURATION.replace("TARGET", target)).unwrap();
        // Prometheus does not report its port, so a free one is chosen; it is unlikely to be taken meanwhile.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", configuration.display()));
        command.arg(format!("--storage.tsdb.path={}", scratch.path("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        let server = Self { address, _process: process, _scratch: scratch };
        until("Prometheus", || try_get(&server.address, "/-/ready").filter(|(status, _)| *status == 200));
        until("a scrape", || server.value("up").filter(|up| *up == 1.0));
        server
    }

    fn ask(&self, path: &str) -> Value {
        let (status, body) = get(&self.address, path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str::<Value>(&body).unwrap()["data"].clone()
    }

    /// The only value of a query; `None` if there is none.
    pub(super) fn value(&self, query: &str) -> Option<f64> {
        let data = self.ask(&format!("/api/v1/query?query={}", encoded(query)));
        match data["result"].as_array().unwrap().as_slice() {
            [] => None,
            [one] => Some(one["value"][1].as_str().unwrap().parse().unwrap()),
            several => panic!("{query}: {several:?}"),
        }
    }

    /// Waits until a query has this value.
    pub(super) fn wait_for(&self, query: &str, value: f64) {
        until(&format!("{query} = {value}"), || self.value(query).filter(|now| *now == value));
    }

    /// The error of the last scrape, or an empty string.
    pub(super) fn last_error(&self) -> String {
        self.ask("/api/v1/targets")["activeTargets"][0]["lastError"].as_str().unwrap().to_owned()
    }

    /// The metadata of a metric: `type`, `unit`, `help`.
    pub(super) fn metadata(&self, metric: &str) -> Value {
        self.ask(&format!("/api/v1/metadata?metric={metric}"))[metric][0].clone()
    }
}

fn encoded(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
