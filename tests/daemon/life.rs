//! Start and end of a daemon.

use std::process::Command;
use std::time::{Duration, Instant};

use egret_tests::{Daemon, Setup, Traffic, egret};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("life::daemon_starts_without_a_configuration", without_configuration),
        test("life::second_daemon_is_refused", second_daemon),
        test("life::second_writer_of_a_log_is_refused", second_writer),
        test("life::sigterm_and_sigint_drain_every_sink", drained),
        test("life::events_left_at_the_drain_timeout_are_reported", left),
        test("life::second_signal_ends_the_daemon_at_once", at_once),
        test("life::daemon_starts_after_a_kill", killed),
        test("life::every_error_of_a_configuration_is_reported", wrong_configuration),
        test("life::error_names_the_address_in_use", taken),
        test("life::error_names_the_missing_privilege", missing_privilege),
    ]
}

/// Runs in a mount namespace where the default directories are empty.
fn without_configuration() {
    let setup = Setup::new().variable("EGRET_METRICS_LISTEN", "127.0.0.1:0");
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs none /run && mount -t tmpfs none /var/lib && mkdir -p /etc/egret && \
                  mount -t tmpfs none /etc/egret && exec \"$0\" run";
    command.args(["--mount", "sh", "-c", script]).arg(egret()).env("EGRET_METRICS_LISTEN", "127.0.0.1:0");
    // The notification socket of the service manager is outside /run.
    let daemon = setup.start_by(command);
    let inside = format!("/proc/{}/root", daemon.pid());
    let mut status = Command::new(egret());
    let output = status.args(["status", "--socket"]).arg(format!("{inside}/run/egret/egret.sock")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["mode           observe", "defaults, no file", "parquet", "prometheus", "metrics"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(!text.contains("otlp") && !text.contains("trouble"), "{text}");
    assert!(std::path::Path::new(&format!("{inside}/var/lib/egret/log")).is_dir());
    assert!(daemon.stop().status.success());
}

fn second_daemon() {
    let daemon = Setup::new().start();
    let second = Setup::new().text("control.socket", &daemon.setup().socket().to_string_lossy()).refused();
    let stderr = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("process {}", daemon.pid())) && stderr.contains("egret.sock"), "{stderr}");
    // The first daemon is unaffected.
    assert_eq!(daemon.status()["pid"], daemon.pid());
    assert!(daemon.stop().status.success());
}

fn second_writer() {
    let daemon = Setup::new().parquet().start();
    let log = daemon.setup().log();
    let second = Setup::new().parquet().text("parquet.destination", &log.to_string_lossy()).refused();
    let stderr = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&*log.to_string_lossy()), "{stderr}");
    assert!(daemon.stop().status.success());
}

fn drained() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let daemon = Setup::new().json().parquet().start();
        let report = Traffic::new(&["tcp-blocking", "--count", "20"]).run();
        daemon.signal(signal);
        let ended = daemon.finish();
        assert!(ended.status.success(), "{ended:?}");
        for sink in ["json", "parquet", "prometheus"] {
            let [enqueued, sent, dropped, queued] = ended.sinks[sink];
            assert_eq!((sent, dropped, queued), (enqueued, 0, 0), "{sink}: {ended:?}");
            assert!(enqueued >= 20, "{sink}: {ended:?}");
        }
        // Events from before the signal are written.
        let events = ended.setup.events(&ended.setup.lines());
        assert!(events.iter().filter(|event| event.pid == Some(report.pid)).count() >= 40, "{events:?}");
        assert!(!ended.setup.socket().exists());
    }
}

/// The collector's address refuses connections, and its retry limit exceeds the drain timeout.
fn without_collector(drain_for: &str) -> Daemon {
    let setup = Setup::new().json().otlp("grpc", "http://127.0.0.1:9").set("shutdown.drain_for", drain_for);
    setup.text("otlp.retry_for", "1h").start()
}

fn make_spans(daemon: &Daemon) {
    let report = Traffic::new(&["tcp-blocking", "--count", "3"]).run();
    daemon.wait_for_lines(&report);
    daemon.wait_for_sink("otlp", |account| account.queued >= 6);
}

fn left() {
    let daemon = without_collector("\"1s\"");
    make_spans(&daemon);
    let begun = Instant::now();
    let ended = daemon.stop();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let [_, _, dropped, queued] = ended.sinks["otlp"];
    assert!(dropped >= 6 && queued == 0, "{ended:?}");
    assert!(ended.stderr.contains("dropped by otlp, shutdown: "), "{}", ended.stderr);
    let [enqueued, sent, ..] = ended.sinks["json"];
    assert_eq!(enqueued, sent, "the others are not held up: {ended:?}");
    assert!(ended.status.success(), "{ended:?}");
}

fn at_once() {
    let daemon = without_collector("\"1h\"");
    make_spans(&daemon);
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for_stderr("stopping");
    assert_eq!(daemon.status()["stopping"], true);
    let begun = Instant::now();
    let ended = daemon.stop();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(ended.sinks["otlp"][2] >= 6, "{ended:?}");
}

fn killed() {
    let setup = Setup::new().json().parquet().start().kill();
    assert!(setup.socket().exists());
    let output = Command::new(egret()).args(["status", "--socket"]).arg(setup.socket()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && stderr.contains("no egret runs on"), "{stderr}");
    let daemon = setup.start();
    let report = Traffic::new(&["tcp-blocking"]).run();
    daemon.wait_for_lines(&report);
    assert!(daemon.stop().status.success());
}

fn wrong_configuration() {
    let setup = Setup::new().set("capture.ring_size", "\"5 apples\"").set("parquet.zstd_level", "99");
    let output = setup.set("metrics.lisen", "\"127.0.0.1:0\"").refused();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for word in ["egret.toml", "5 apples", "99", "lisen", "listen"] {
        assert!(stderr.contains(word), "no {word:?} in {stderr}");
    }
}

fn taken() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output = Setup::new().text("metrics.listen", &address).refused();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && stderr.contains(&address), "{stderr}");
    let output = Setup::new().text("control.group", "no-such-group").refused();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("no-such-group"), "{stderr}");
}

/// `CAP_SYS_ADMIN` includes `CAP_BPF`, as before Linux 5.8.
fn missing_privilege() {
    let setup = Setup::new().text("capture.layer", "sockets");
    let egret = setup.command();
    let mut command = Command::new("setpriv");
    command
        .args(["--bounding-set", "-bpf,-sys_admin", "--inh-caps", "-bpf,-sys_admin"])
        .arg(egret.get_program())
        .args(egret.get_args());
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(3) && stderr.contains("CAP_BPF"), "{stderr}");
    assert!(!setup.socket().exists());
}
