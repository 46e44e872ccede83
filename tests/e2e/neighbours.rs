//! Many clients and servers on one host, and several traces at once.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use egret_tests::{Report, Server, Trace, Traffic, until};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::checks::stream;
use crate::{needing, test};

const CLIENTS: usize = 50;
const CONNECTIONS: usize = 20;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("neighbours::each_endpoint_has_its_own_process", crowd),
        test("neighbours::two_traces_at_once_report_every_event", two_egrets),
        needing("bpftool", test("neighbours::killed_trace_leaves_no_program_or_link", killed)),
    ]
}

fn crowd() {
    let server = Server::start("tcp-echo", "127.0.0.1");
    let peer = server.address.to_string();
    let count = CONNECTIONS.to_string();
    let trace = Trace::start(&["--no-standing"]);
    let arguments = ["tcp-blocking", "--peer", &peer, "--count", &count, "--bytes", "1000"];
    // All clients are started before the first is awaited.
    let clients: Vec<_> = (0..CLIENTS).map(|_| Traffic::new(&arguments).start()).collect();
    let clients: Vec<Report> = clients.into_iter().map(egret_tests::Waiting::go).collect();
    let server = server.finish();
    let seen = trace.stop_after(&server);
    assert_eq!(server.flows().len(), CLIENTS * CONNECTIONS);
    for process in clients.iter().chain([&server]) {
        process.flows().iter().for_each(|flow| stream(&seen, process, flow));
        assert_eq!(seen.of_pid(process.pid).len(), 2 * process.flows().len());
    }
}

fn two_egrets() {
    let first = Trace::start(&["--no-standing"]);
    let second = Trace::start(&["--no-standing"]);
    let both = Traffic::new(&["tcp-blocking"]).run();
    let seen = first.stop_after(&both);
    stream(&seen, &both, &both.total);
    // The end of one trace does not affect the other.
    let later = Traffic::new(&["tcp-blocking"]).run();
    let seen = second.stop_after(&later);
    for report in [&both, &later] {
        stream(&seen, report, &report.total);
        stream(&seen, report.server(), &report.server().total);
    }
}

fn killed() {
    let trace = Trace::start(&["--no-standing"]);
    let pid = trace.process().pid();
    let (programs, links) = (held(pid, "prog_id"), held(pid, "link_id"));
    assert!(programs.len() > 10 && links.len() > 5, "{programs:?} {links:?}");
    assert!(programs.is_subset(&kernel("prog")) && links.is_subset(&kernel("link")));
    trace.process().signal(Signal::SIGKILL);
    // The kernel removes them after the process has ended.
    until("the end of egret's programs", || programs.is_disjoint(&kernel("prog")).then_some(()));
    until("the end of egret's links", || links.is_disjoint(&kernel("link")).then_some(()));
}

/// The ids in the descriptors of a process.
fn held(pid: u32, key: &str) -> BTreeSet<u64> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
    let texts = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
    texts
        .filter_map(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(str::to_owned));
            line?.trim().parse().ok()
        })
        .collect()
}

/// The ids of all objects in the kernel.
fn kernel(kind: &str) -> BTreeSet<u64> {
    let output = Command::new("bpftool").args(["--json", kind, "list"]).output().unwrap();
    let list: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    list.iter().filter_map(|entry| entry["id"].as_u64()).collect()
}
