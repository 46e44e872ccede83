//! Resource use of an idle daemon.

use std::time::{Duration, Instant};

use egret_tests::{Daemon, Setup};
use libtest_mimic::Trial;

use crate::test_alone;

/// Long enough to measure its own work.
const WATCHED: Duration = Duration::from_secs(5);

pub(crate) fn trials() -> Vec<Trial> {
    vec![test_alone("idle::idle_daemon_stays_below_100_mb", idle)]
}

fn idle() {
    let setup = Setup::new().json().parquet().otlp("grpc", "http://127.0.0.1:9");
    let daemon = setup.set("capture.standing", "false").start();
    let (cpu, resident) = usage(&daemon);
    let begun = Instant::now();
    // A measurement over time, not a wait for a condition.
    std::thread::sleep(WATCHED);
    let (later, _) = usage(&daemon);
    let share = (later - cpu) / begun.elapsed().as_secs_f64();
    println!("all sinks on, idle: {:.1} MiB resident, {:.3} % of a processor", resident / 1_048_576.0, share * 100.0);
    // The CPU share is printed and not asserted: the daemon also traces other programs of the host.
    assert!(resident < 100e6, "{resident}");
    assert!(daemon.stop().status.success());
}

fn usage(daemon: &Daemon) -> (f64, f64) {
    let usage = daemon.status()["usage"].clone();
    let figure = |name: &str| usage[name].as_f64().unwrap_or_else(|| panic!("no {name} in {usage}"));
    (figure("cpu_seconds"), figure("resident_bytes"))
}
