//! A real Prometheus and its `promtool` with the metrics of a daemon.

mod http;
mod server;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use egret_tests::{Daemon, Report, Scratch, Server, Setup, Traffic, copy_program, needing, test, traffic, until};
use libtest_mimic::Trial;

use http::get;
use server::Prometheus;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        needing("prometheus", test("prometheus::connections_are_counted", connections)),
        needing("prometheus", test("prometheus::failures_are_counted_by_error", failures)),
        needing("prometheus", test("prometheus::datagram_sockets_are_counted_once", datagrams)),
        test("prometheus::bytes_of_an_open_connection_grow", open),
        needing("prometheus", test("prometheus::units_are_read_from_openmetrics", units)),
        needing("promtool", test("prometheus::page_passes_promtool", promtool)),
        test("prometheus::record_counts_add_up", identity),
        test("prometheus::health_is_exposed", health),
    ]
}

/// A scraped daemon, and a copy of a program that no other test runs.
struct Scene {
    program: PathBuf,
    prometheus: Prometheus,
    daemon: Daemon,
    _scratch: Scratch,
}

/// Digests are off: metrics do not show them, and unoptimised builds compute them slowly.
fn setup() -> Setup {
    Setup::new().set("capture.hash", "false")
}

impl Scene {
    fn new() -> Self {
        let scratch = Scratch::new();
        let program = scratch.path("traffic");
        copy_program(&traffic(), &program);
        let daemon = setup().start();
        let prometheus = Prometheus::scraping(&daemon.metrics());
        Self { program, prometheus, daemon, _scratch: scratch }
    }

    fn run(&self, arguments: &[&str]) -> Report {
        Traffic::by(&self.program, arguments).run()
    }

    /// Waits until Prometheus has this sum over the series of the program with these labels.
    fn sum(&self, metric: &str, labels: &str, value: f64) {
        let query = format!("sum({metric}{{executable=\"{}\",{labels}}})", self.program.display());
        self.prometheus.wait_for(&query, value);
    }

    /// Asserts that the scrapes and the daemon succeeded.
    fn finish(self) {
        assert_eq!(self.prometheus.last_error(), "");
        let ended = self.daemon.stop();
        assert!(ended.status.success(), "{}", ended.stderr);
        let [enqueued, sent, ..] = ended.sinks["prometheus"];
        assert_eq!(enqueued, sent, "{}", ended.stderr);
    }
}

/// Each run increases the counters by its own traffic.
fn connections() {
    let scene = Scene::new();
    for round in 1..=3 {
        let report = scene.run(&["thread-storm", "--threads", "8", "--count", "25", "--bytes", "1000"]);
        assert_eq!((report.flows().len(), report.server().flows().len()), (200, 200));
        let all = f64::from(round) * 200.0;
        scene.sum("egret_connections_total", r#"direction="outbound",transport="tcp",network_type="ipv4""#, all);
        scene.sum("egret_connections_total", r#"direction="inbound",transport="tcp""#, all);
        scene.sum("egret_bytes_total", r#"direction="sent""#, 2.0 * 1000.0 * all);
        scene.sum("egret_bytes_total", r#"direction="received""#, 2.0 * 1000.0 * all);
    }
    let started = scene.prometheus.value(r#"egret_connect_duration_seconds_count{transport="tcp"}"#);
    assert!(started.is_some_and(|count| count >= 600.0), "{started:?}");
    scene.finish();
}

fn failures() {
    let scene = Scene::new();
    for round in 1..=3 {
        scene.run(&["tcp-refused"]);
        scene.sum("egret_connection_failures_total", r#"error_type="ECONNREFUSED",transport="tcp""#, f64::from(round));
    }
    scene.finish();
}

/// Connected or not, with few datagrams or many.
fn datagrams() {
    let scene = Scene::new();
    for (round, way) in (1..).zip(["udp-connected", "udp-sendto", "udp-write"]) {
        scene.run(&[way, "--bytes", "20000"]);
        scene.sum("egret_connections_total", r#"direction="outbound",transport="udp""#, f64::from(round));
        scene.sum("egret_connections_total", r#"direction="inbound",transport="udp""#, f64::from(round));
        scene.sum("egret_bytes_total", r#"direction="sent""#, f64::from(round) * 2.0 * 20_000.0);
    }
    scene.finish();
}

/// Bytes are counted while the connection is open, and its close adds only the rest; a gauge counts it meanwhile.
fn open() {
    let daemon = setup().text("capture.totals_interval", "200ms").start();
    let scratch = Scratch::new();
    let program = scratch.path("traffic");
    copy_program(&traffic(), &program);
    let server = Server::by(&program, "tcp-echo", "127.0.0.1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let mut echo = || {
        stream.write_all(&[7; 40_000]).unwrap();
        stream.read_exact(&mut [0; 40_000]).unwrap();
    };
    let shows = |metric: &str, labels: &str, wanted: f64| {
        let series = format!("{metric}{{{labels}executable=\"{}\"}}", program.display());
        until(&format!("{series} {wanted}"), || {
            let page = get(&daemon.metrics(), "/metrics").1;
            let value = page.lines().find_map(|line| line.strip_prefix(&series)?.trim().parse::<f64>().ok());
            (value.unwrap_or(0.0) == wanted).then_some(())
        });
    };
    for round in 1..=2 {
        echo();
        for direction in ["sent", "received"] {
            shows(
                "egret_bytes_total",
                &format!("direction=\"{direction}\",scope=\"loopback\","),
                f64::from(round) * 40_000.0,
            );
        }
        shows("egret_connections_open", "", 1.0);
    }
    echo();
    drop(stream);
    let _ = server.finish();
    shows("egret_connections_open", "", 0.0);
    shows("egret_bytes_total", "direction=\"sent\",scope=\"loopback\",", 120_000.0);
    assert!(daemon.stop().status.success());
}

/// Prometheus' own format has no units: it negotiated OpenMetrics.
fn units() {
    let scene = Scene::new();
    let metadata = until("metadata", || {
        Some(scene.prometheus.metadata("egret_connect_duration_seconds")).filter(|it| !it.is_null())
    });
    assert_eq!((metadata["type"].as_str(), metadata["unit"].as_str()), (Some("histogram"), Some("seconds")));
    scene.finish();
}

fn promtool() {
    let daemon = setup().start();
    let _ = Traffic::new(&["tcp-blocking"]).run();
    let _ = Traffic::new(&["tcp-refused"]).run();
    let metrics = until("a close among the metrics", || {
        Some(get(&daemon.metrics(), "/metrics").1).filter(|text| text.contains("egret_bytes_total{"))
    });
    let mut check = Command::new("promtool");
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = check.spawn().unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.is_empty(), "{}: {said}\n{metrics}", output.status);
}

/// Captured records are delivered or lost, and every sink accounts for its events, in one scrape.
fn identity() {
    let daemon = setup().json().start();
    let _ = Traffic::new(&["thread-storm", "--threads", "4", "--count", "50"]).run();
    let page = get(&daemon.metrics(), "/metrics").1;
    let sum = |series: &str| -> f64 {
        let samples: Vec<&str> = page.lines().filter(|line| line.starts_with(series)).collect();
        assert!(!samples.is_empty(), "no {series}");
        samples.iter().map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    };
    let lost = sum("egret_records_lost_total{");
    assert_eq!(sum("egret_records_captured_total "), sum("egret_records_delivered_total ") + lost);
    for sink in ["json", "prometheus"] {
        let of = |metric: &str| sum(&format!("egret_sink_{metric}{{sink=\"{sink}\""));
        assert_eq!(of("enqueued_total"), of("sent_total") + of("dropped_total") + of("queue_events"), "{sink}");
    }
    assert_eq!(sum("egret_mode{mode=\"observe\"}"), 1.0);
    assert_eq!(sum("egret_capture_layer{layer=\"sockets\"}"), 1.0);
}

fn health() {
    let daemon = setup().start();
    let metrics = daemon.metrics();
    assert_eq!(get(&metrics, "/healthz"), (200, "alive\n".to_owned()));
    assert_eq!(get(&metrics, "/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(get(&metrics, "/nothing").0, 404);
}
