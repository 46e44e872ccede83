//! Attribution of processes that have ended, changed, or are preexisting.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::SystemTime;

use egret_tests::{Event, Report, Scratch, Seen, Server, Trace, Traffic, copy_program, until};
use jiff::Timestamp;
use libtest_mimic::Trial;
use sha2::{Digest, Sha256};

use crate::checks::{datagrams, named, only, process, stream};
use crate::{test, test_alone};

/// Maximum of attempts to reuse a process id: other processes may take it meanwhile.
const TRIES: u32 = 300;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test_alone("processes::thousand_short_lived_processes_are_attributed", thousand_short),
        test("processes::executable_arguments_and_parent_are_reported", identity),
        test("processes::deleted_executable_is_reported_as_deleted", || replaced("--unlink")),
        test("processes::replaced_executable_is_reported_as_deleted", || replaced("--replace")),
        test("processes::deleted_executable_of_a_datagram_sender_is_reported_as_deleted", replaced_datagrams),
        test("processes::preexisting_process_is_attributed", older),
        test("processes::child_of_a_preexisting_process_is_attributed", child_of_older),
        test("processes::reused_pid_is_two_processes", reused_pid),
        test("processes::connection_of_a_thread_belongs_to_its_process", thread),
        test("processes::relative_script_path_is_resolved_in_its_working_directory", script_directory),
        test("processes::secrets_in_arguments_are_redacted", secrets),
        test("processes::executables_with_names_that_are_not_utf8_differ", bytes),
    ]
}

fn digest(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The process ends at once, and its parent is in another directory.
fn script_directory() {
    let scratch = Scratch::new();
    let script = scratch.path("run.sh");
    fs::write(&script, "echo > /dev/udp/127.0.0.1/9\n").unwrap();
    let directory = script.parent().unwrap().display();
    for (line, expected) in [
        (format!("(cd {directory} && exec bash -eo pipefail ./run.sh); cd /"), script.display().to_string()),
        (format!("(cd {directory} && exec bash -s {} < run.sh)", script.display()), "-".to_owned()),
        (format!("exec bash {} o", script.display()), script.display().to_string()),
    ] {
        let seen = Trace::start_unready(&["--", "sh", "-c", &line]).finish();
        let scripts: Vec<_> = seen.events.iter().filter_map(|event| event.script.as_deref()).collect();
        assert!(!scripts.is_empty() && scripts.iter().all(|script| *script == expected), "{line}: {seen:?}");
    }
}

fn bytes() {
    let scratch = Scratch::new();
    let directory = scratch.path("");
    for (name, text) in [
        (&b"traffic-\xff"[..], r"traffic-\xff"),
        (b"traffic-\xfe", r"traffic-\xfe"),
        (br"traffic-\xff", r"traffic-\\xff"),
        (br"traffic\ff", r"traffic\ff"),
    ] {
        let program = directory.join(OsStr::from_bytes(name));
        copy_program(&egret_tests::traffic(), &program);
        let filter = format!("--exe={}", directory.join(text).display());
        let trace = Trace::start(&["--no-standing", &filter]);
        let report = Traffic::by(&program, &["tcp-blocking"]).run();
        let seen = trace.stop_after(&report);
        let events = seen.of_report(&report);
        let expected = directory.join(text);
        assert!(
            !events.is_empty() && events.iter().all(|event| event.path.as_deref() == expected.to_str()),
            "{events:?}"
        );
        assert!(events.iter().all(|event| event.args.first().map(String::as_str) == expected.to_str()), "{events:?}");
    }
}

fn secrets() {
    let program = "echo hunter2 > /dev/udp/127.0.0.1/9";
    for (form, args) in
        [("redacted", vec!["bash", "-lc", "…"]), ("full", vec!["bash", "-lc", program]), ("none", vec![])]
    {
        let seen = Trace::start_unready(&["--arguments", form, "--", "bash", "-lc", program]).finish();
        let event = seen.events.iter().find(|event| event.executable.as_deref() == Some("bash")).unwrap();
        assert_eq!(
            (event.args.iter().map(String::as_str).collect::<Vec<_>>(), event.script.as_deref()),
            (args, Some("-c"))
        );
    }
}

/// Runs a program until its digest is known. Later runs of the same file have it from their first event.
fn until_digest_is_known(trace: &Trace) {
    until("an event with a digest", || {
        let report = Traffic::new(&["tcp-blocking", "--bytes", "1"]).run();
        let is_end = |event: &Event| event.name == "connection.close" && event.pid == Some(report.pid);
        assert!(trace.wait_for(|events| events.iter().any(is_end)));
        trace
            .sees(|events| events.iter().any(|event| event.pid == Some(report.pid) && event.sha256.is_some()))
            .then_some(())
    });
}

/// The `htlhash` of the conventions.
fn build_id(path: &Path) -> String {
    let file = fs::read(path).unwrap();
    let end = file.len().min(4096);
    let length = u64::try_from(file.len()).unwrap().to_be_bytes();
    let digest = Sha256::digest([&file[..end], &file[file.len() - end..], &length].concat());
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All processes have ended before their `/proc` entries can be read.
fn thousand_short() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["tcp-short", "--count", "1000"]).run();
    let seen = trace.stop_after(&report);
    let server = report.server();
    let short: Vec<_> = report.children.iter().filter(|child| child.way == "one-shot").collect();
    assert_eq!((short.len(), server.flows().len()), (1000, 1000));
    // Two of them may have used the same local port one after the other.
    let mut by_client: HashMap<_, Vec<&Event>> = HashMap::new();
    for event in named(&seen.of_report(&report), "connection.open") {
        by_client.entry((event.pid, event.local())).or_default().push(event);
    }
    let opened = |child: &Report| by_client.get(&(Some(child.pid), Some(child.total.local()))).map(Vec::as_slice);
    let peer = server.total.local.as_deref().or(server.flows()[0].local.as_deref()).unwrap();
    let is_identified = |child: &Report| {
        let Some([event]) = opened(child) else { return false };
        event.parent == Some(report.pid)
            && event.path.as_deref() == Some(child.exe.as_str())
            && event.args == [child.exe.as_str(), "one-shot", peer]
    };
    if let Some(child) = short.iter().find(|child| !is_identified(child)) {
        panic!("{:?}: {child:#?}: {:#?}", seen.sum, opened(child));
    }
    server.flows().iter().for_each(|flow| stream(&seen, server, flow));
}

fn identity() {
    let trace = Trace::start(&["--no-standing"]);
    until_digest_is_known(&trace);
    let before = SystemTime::now();
    let report = Traffic::new(&["tcp-blocking", "--bytes", "5000"]).run();
    let after = SystemTime::now();
    let seen = trace.stop_after(&report);
    let [before, after] = [before, after].map(|time| Timestamp::try_from(time).unwrap());
    let server = report.server();
    for (end, parent) in [(&report, std::process::id()), (server, report.pid)] {
        stream(&seen, end, &end.total);
        for event in seen.of_pid(end.pid) {
            assert_eq!(event.parent, Some(parent), "{event:#?}");
            assert_eq!(event.sha256, Some(digest(Path::new(&end.exe))));
            assert_eq!(event.build_id, Some(build_id(Path::new(&end.exe))));
            assert_eq!((event.uid, event.user.as_deref()), (Some(0), Some("root")));
            let started = event.started.unwrap();
            assert!(before <= started && started <= event.timestamp, "{before} {event:#?}");
            assert!(event.timestamp <= after, "{event:#?} {after}");
        }
    }
    for event in seen.of_pid(report.pid) {
        assert_eq!(event.args, [report.exe.as_str(), "tcp-blocking", "--bytes", "5000"]);
    }
}

/// Asserts the former path, and the digest of the executed file or none: never that of the other file.
fn replaced_file(seen: &Seen, copy: &Report) {
    for event in seen.of_pid(copy.pid) {
        process(event, copy);
        let right = digest(&egret_tests::traffic());
        assert!(event.sha256.as_ref().is_none_or(|digest| *digest == right), "{event:#?}");
    }
}

fn replaced(disturbance: &str) {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["exec-replaced", disturbance]).run();
    let seen = trace.stop_after(&report);
    let copy = &report.children[0];
    assert!(copy.exe.ends_with("copied-traffic (deleted)"), "{copy:#?}");
    stream(&seen, copy, &copy.total);
    replaced_file(&seen, copy);
}

fn replaced_datagrams() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["exec-replaced", "--unlink", "--inner", "udp-sendto"]).run();
    let seen = trace.stop_after(&report);
    let copy = &report.children[0];
    datagrams(&seen, copy, &copy.total);
    replaced_file(&seen, copy);
}

fn older() {
    for way in ["tcp-blocking", "udp-sendto"] {
        let arguments = [way, "--wait-stdin"];
        let waiting = Traffic::new(&arguments).start();
        let trace = Trace::start(&["--no-standing"]);
        let report = waiting.go();
        let seen = trace.stop_after(&report);
        let check = if way == "tcp-blocking" { stream } else { datagrams };
        check(&seen, &report, &report.total);
        check(&seen, report.server(), &report.server().total);
        for event in seen.of_pid(report.pid) {
            assert_eq!(event.args[1..], arguments, "{event:#?}");
            assert_eq!(event.parent, Some(std::process::id()), "{event:#?}");
            let right = digest(Path::new(&report.exe));
            assert!(event.sha256.as_ref().is_none_or(|digest| *digest == right), "{event:#?}");
        }
    }
}

/// The child never called exec: it runs the image of its parent.
fn child_of_older() {
    let server = Server::start("tcp-fork", "127.0.0.1");
    let trace = Trace::start(&["--no-standing"]);
    let client = Traffic::new(&["tcp-blocking", "--peer", &server.address.to_string()]).run();
    let server = server.finish();
    let seen = trace.stop_after(&server);
    let [worker] = server.children.as_slice() else { panic!("{server:#?}") };
    stream(&seen, &client, &client.total);
    stream(&seen, worker, &worker.total);
    for event in seen.of_pid(worker.pid) {
        assert_eq!((event.parent, event.args[1].as_str()), (Some(server.pid), "server"), "{event:#?}");
    }
}

/// Runs two programs one after the other with the same process id.
fn under_one_pid(first: &Path, second: &Path, arguments: &[&str]) -> [Report; 2] {
    for _ in 0..TRIES {
        let one = Traffic::by(first, arguments).run();
        // The kernel assigns the number after this one to the next process.
        fs::write("/proc/sys/kernel/ns_last_pid", (one.pid - 1).to_string()).unwrap();
        let two = Traffic::by(second, arguments).run();
        if one.pid == two.pid {
            return [one, two];
        }
    }
    panic!("no process got the id of an earlier one in {TRIES} tries");
}

fn reused_pid() {
    let scratch = Scratch::new();
    let [first, second] = ["first", "second"].map(|name| scratch.copy(&egret_tests::traffic(), name));
    let server = Server::start("tcp-sink", "127.0.0.1");
    let address = server.address.to_string();
    let trace = Trace::start(&["--no-standing"]);
    let arguments = ["tcp-blocking", "--one-way", "--bytes", "10", "--peer", &address];
    let [one, two] = under_one_pid(&first, &second, &arguments);
    let server = server.finish();
    let seen = trace.stop_after(&server);
    // They run different files, and `stream` compares those.
    assert_ne!(one.exe, two.exe);
    stream(&seen, &one, &one.total);
    stream(&seen, &two, &two.total);
    let started = [&one, &two].map(|report| only(&seen.of_socket(report.total.socket()), "connection.open").started);
    assert!(started[0].unwrap() < started[1].unwrap(), "{started:?}");
}

fn thread() {
    let trace = Trace::start(&["--no-standing"]);
    let report = Traffic::new(&["tcp-thread"]).run();
    let seen = trace.stop_after(&report);
    assert_ne!(report.pid, report.total.tid);
    stream(&seen, &report, &report.total);
    assert!(seen.of_pid(report.total.tid).is_empty());
}
