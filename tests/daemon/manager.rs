//! Notifications to the service manager, and the priorities of log messages.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use egret_tests::{Daemon, Process, Setup, until};
use libtest_mimic::Trial;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::test;

/// The watchdog interval.
const WATCHDOG: Duration = Duration::from_millis(500);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("manager::readiness_reload_and_stop_are_notified", states),
        test("manager::watchdog_is_notified_while_capture_works", watchdog),
        test("manager::watchdog_is_not_notified_while_capture_is_stuck", stuck),
        test("manager::log_lines_have_journal_priorities", journal),
    ]
}

fn states() {
    let daemon = Setup::new().start();
    daemon.reload();
    let ended = daemon.stop();
    let states: Vec<&str> = ended.notifications.iter().map(String::as_str).collect();
    let place = |what: &str| {
        states
            .iter()
            .position(|states| states.lines().any(|line| line == what))
            .unwrap_or_else(|| panic!("no {what} in {states:?}"))
    };
    let (ready, reloading, stopping) = (place("READY=1"), place("RELOADING=1"), place("STOPPING=1"));
    assert!(states[ready].contains("STATUS=Tracing with the sockets layer"), "{states:?}");
    // 15 s: the default drain timeout of ten seconds, and the work before and after it.
    assert!(states[stopping].contains("EXTEND_TIMEOUT_USEC=15000000"), "{states:?}");
    let again = states.iter().rposition(|states| states.contains("READY=1")).unwrap();
    assert!(ready < reloading && reloading < again && again < stopping, "{states:?}");
    let moment = states[reloading].lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(moment.parse::<u64>().unwrap() > 0);
}

fn watched() -> Daemon {
    Setup::new().variable("WATCHDOG_USEC", &WATCHDOG.as_micros().to_string()).start()
}

fn beats(daemon: &Daemon) -> usize {
    daemon.notifications().iter().filter(|states| states.contains("WATCHDOG=1")).count()
}

/// Also on an idle host, where no event wakes the capture thread.
fn watchdog() {
    let daemon = watched();
    let begun = Instant::now();
    until("ten beats", || (beats(&daemon) >= 10).then_some(()));
    // The daemon notifies at half the interval; far fewer notifications would exceed it.
    let average = begun.elapsed() / 10;
    assert!(average < WATCHDOG, "{average:?}");
    assert!(daemon.stop().status.success());
}

/// Stops that one thread, as a hang in the kernel would.
fn stuck() {
    let daemon = watched();
    until("a beat", || (beats(&daemon) >= 1).then_some(()));
    let thread = thread_of(&daemon, "egret-capture");
    ptrace::seize(thread, ptrace::Options::empty()).unwrap();
    ptrace::interrupt(thread).unwrap();
    waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
    daemon.wait_for_stderr("not drained");
    let noticed = beats(&daemon);
    let until_now = daemon.stderr().matches("not drained").count();
    until("more looks in vain", || (daemon.stderr().matches("not drained").count() >= until_now + 4).then_some(()));
    assert_eq!(beats(&daemon), noticed);
    ptrace::detach(thread, None).unwrap();
    until("another beat", || (beats(&daemon) > noticed).then_some(()));
    assert!(daemon.stop().status.success());
}

fn thread_of(daemon: &Daemon, name: &str) -> Pid {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let paths: Vec<PathBuf> = tasks.map(|task| task.unwrap().path()).collect();
    let is_it = |path: &&PathBuf| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name);
    let found = paths.iter().find(is_it).unwrap_or_else(|| panic!("no thread {name} in {paths:?}"));
    Pid::from_raw(found.file_name().unwrap().to_str().unwrap().parse().unwrap())
}

fn journal() {
    let setup = Setup::new();
    let path = setup.path("journal");
    let file = File::create(&path).unwrap();
    let stream = file.metadata().unwrap();
    let mut command = setup.command();
    command.env("JOURNAL_STREAM", format!("{}:{}", stream.dev(), stream.ino())).stderr(file);
    let mut process = Process::start(&mut command);
    let text = until("a message", || fs::read_to_string(&path).ok().filter(|text| text.contains("egret runs")));
    assert!(text.lines().all(|line| line.starts_with("<6>") || line.starts_with("<4>")), "{text}");
    assert!(!text.contains("INFO") && !text.contains('\u{1b}'), "{text}");
    process.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(process.wait().success());
}
