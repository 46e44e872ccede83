//! A log in a bucket: outages, kills, and a wrong bucket name.
//!
//! The bucket is moto, an independent server with the interface of S3. It keeps objects in memory: a restarted server
//! is empty.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use egret_tests::{Daemon, Event, Process, Report, Setup, Traffic, egret, needing_python, python, test, until};
use libtest_mimic::Trial;
use serde_json::Value;

const DESTINATION: &str = "s3://log/flows";

pub(crate) fn trials() -> Vec<Trial> {
    let trials = [
        test("bucket::outage_and_kill_lose_no_finished_file", outage),
        test("bucket::error_names_the_missing_bucket", not_there),
        test("bucket::sink_replaced_during_an_upload_leaves_its_spool_to_the_next", replaced_in_an_upload),
    ];
    trials.into_iter().map(needing_python).collect()
}

/// A running moto server.
struct Moto {
    port: u16,
    _process: Process,
}

impl Moto {
    fn start(port: u16) -> Self {
        let mut command = Command::new(python());
        let program = "from moto.server import main; import sys; main(sys.argv[1:])";
        command.args(["-c", program, "-H", "127.0.0.1", "-p", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Process::start(&mut command);
        let moto = Self { port, _process: process };
        until("moto's bucket", || moto.make_bucket().then_some(()));
        moto
    }

    fn make_bucket(&self) -> bool {
        let ask = "import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1], method='PUT'))";
        let mut command = Command::new(python());
        command.args(["-c", ask, &format!("http://127.0.0.1:{}/log", self.port)]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}

/// The environment of a client of the bucket.
fn environment(port: u16) -> [(&'static str, String); 5] {
    [
        ("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "trial".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "trial".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
}

fn setup(port: u16, destination: &str) -> Setup {
    let setup = Setup::new().parquet().text("parquet.destination", destination).text("parquet.rotate_after", "1s");
    let spool = setup.path("spool");
    let setup = setup.text("parquet.spool", &spool.to_string_lossy());
    environment(port).into_iter().fold(setup, |setup, (name, value)| setup.variable(name, &value))
}

/// The state of the Parquet sink's spool.
fn spool(daemon: &Daemon) -> Value {
    let status = daemon.status();
    let sinks = status["sinks"].as_array().expect("a status lists sinks");
    sinks.iter().find(|sink| sink["name"] == "parquet").expect("it is on")["spool"].clone()
}

/// The events of a log, as `egret log` prints them.
fn log(directory: &Path, port: u16) -> Vec<Event> {
    let mut command = Command::new(egret());
    command.args(["log", "--format", "json", "--dir"]).arg(directory).stdin(Stdio::null()).envs(environment(port));
    let output = command.output().expect("egret can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The number of close events for each connection of a report.
fn closes(events: &[Event], report: &Report) -> Vec<usize> {
    let flows = report.processes().into_iter().flat_map(Report::flows);
    let cookies = flows.filter(|flow| flow.errno.is_none()).filter_map(|flow| flow.cookie);
    let is_close = |event: &&Event, cookie| event.name == "connection.close" && event.cookie() == cookie;
    cookies.map(|cookie| events.iter().filter(|event| is_close(event, cookie)).count()).collect()
}

fn outage() {
    let port = free_port();
    let moto = Moto::start(port);
    let daemon = setup(port, DESTINATION).start();
    let before = Traffic::new(&["tcp-blocking"]).run();
    until("the first connections in the bucket", || {
        closes(&log(Path::new(DESTINATION), port), &before).iter().all(|count| *count == 1).then_some(())
    });
    drop(moto);
    let during = Traffic::new(&["tcp-blocking"]).run();
    let directory = daemon.setup().path("spool");
    until("connections of the outage in the spool", || {
        closes(&log(&directory, port), &during).iter().all(|count| *count == 1).then_some(())
    });
    until("an upload that failed", || spool(&daemon)["error"].is_string().then_some(()));
    assert_eq!(daemon.sink("parquet").lost(), 0, "{}", daemon.stderr());
    daemon.wait_for_stderr("they wait in parquet.spool");
    let daemon = daemon.kill().start();
    let after = Traffic::new(&["tcp-blocking"]).run();
    let _moto = Moto::start(port);
    until("all connections in the bucket", || {
        let events = log(Path::new(DESTINATION), port);
        let all = [&during, &after].map(|report| closes(&events, report)).concat();
        all.iter().all(|count| *count == 1).then_some(())
    });
    until("an empty spool", || (spool(&daemon)["files"] == 0).then_some(()));
    assert_eq!(spool(&daemon)["dropped"], serde_json::json!({}));
    daemon.wait_for_stderr("files are uploaded to the bucket again");
    let ended = daemon.stop();
    let [enqueued, sent, dropped, queued] = ended.sinks["parquet"];
    assert_eq!((sent, dropped, queued), (enqueued, 0, 0), "{}", ended.stderr);
}

fn not_there() {
    let port = free_port();
    let _moto = Moto::start(port);
    let daemon = setup(port, "s3://absent/flows").start();
    let _ = Traffic::new(&["tcp-blocking"]).run();
    daemon.wait_for_stderr("there is no such bucket; check parquet.destination");
    let ended = daemon.stop();
    assert!(ended.stderr.contains("wait for their upload until the next start"), "{}", ended.stderr);
}

/// The bucket accepts connections and never answers.
fn replaced_in_an_upload() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = silent.local_addr().expect("it is bound").port();
    let mut daemon = setup(port, DESTINATION).text("shutdown.drain_for", "100ms").start();
    let report = Traffic::new(&["tcp-blocking"]).run();
    let _upload = silent.accept().expect("it uploads");
    daemon.change("parquet.rotate_after", "\"2s\"");
    daemon.reload();
    daemon.wait_for_stderr("sink restarted");
    let directory = daemon.setup().path("spool");
    until("the file that was being uploaded, in the spool of the next", || {
        (spool(&daemon)["files"].as_u64() > Some(0)).then_some(())
    });
    let during = Traffic::new(&["tcp-blocking"]).run();
    until("connections of both in the spool", || {
        let events = log(&directory, port);
        let all = [&report, &during].map(|report| closes(&events, report)).concat();
        all.iter().all(|count| *count == 1).then_some(())
    });
    assert_eq!(spool(&daemon)["dropped"], serde_json::json!({}));
    assert!(!daemon.stderr().contains("cannot start the parquet sink"), "{}", daemon.stderr());
}
