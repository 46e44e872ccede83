//! Who may query a daemon, and what it answers.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use egret_tests::{Daemon, Setup, Traffic, egret, until};
use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::{test, test_alone};

/// A user id that no user has.
const STRANGER: &str = "4242";
/// A group of Debian that has no members, and its number on every host.
const GROUP: (&str, &str) = ("users", "100");

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("control::status_has_the_keys_of_the_contract", status),
        test("control::status_without_json_is_text", status_for_people),
        test("control::error_without_a_daemon_names_the_next_step", nobody_there),
        test("control::status_during_the_start_is_starting_and_other_commands_wait", starting),
        test("control::command_reports_that_the_starting_daemon_ended", cannot_start),
        test("control::signals_during_the_start_are_handled_after_it", signalled),
        test("control::second_sigterm_ends_the_start", impatient),
        test("control::other_users_are_refused", strangers),
        test("control::members_of_the_group_are_accepted", members),
        test_alone("control::status_adds_up_under_load", adds_up),
    ]
}

fn status() {
    let daemon = Setup::new().json().start();
    let report = Traffic::new(&["tcp-blocking"]).run();
    daemon.wait_for_lines(&report);
    let status = daemon.status();
    assert_eq!((&status["mode"], &status["layer"]), (&"observe".into(), &"sockets".into()), "{status}");
    assert_eq!(status["troubles"].as_array().map(Vec::len), Some(0), "{status}");
    assert_eq!(status["configuration"]["file"], daemon.setup().configuration().to_str().unwrap());
    for sink in ["json", "prometheus", "live"] {
        let account = daemon.sink(sink);
        assert!(sink == "live" || account.enqueued >= 4, "{sink}: {account:?}");
    }
    // The tally is published several times a second, not with every record.
    let tally = until("the sum of what was captured", || {
        let tally = daemon.status()["tally"].take();
        (tally["captured"].as_u64() >= Some(4)).then_some(tally)
    });
    let lost: u64 = tally["lost"].as_array().unwrap().iter().filter_map(|loss| loss["count"].as_u64()).sum();
    assert_eq!(lost, 0, "{tally}");
    assert!(daemon.stop().status.success());
}

fn status_for_people() {
    let daemon = Setup::new().json().start();
    let output = daemon.ask(&["status"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains('\u{1b}'), "{text}");
    for word in [&format!("process {}", daemon.pid()), "observe", "sockets", "captured", "json", "CAP_SYS_PTRACE"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
}

fn nobody_there() {
    for socket in ["/no/such/egret.sock", "/dev/null"] {
        let output = Command::new(egret()).args(["status", "--socket", socket]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && stderr.contains(socket) && stderr.contains("egret run"), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

/// A daemon that blocks during its start: it reads its baseline from a pipe.
fn held_up() -> Daemon {
    let setup = Setup::new();
    nix::unistd::mkfifo(&setup.path("baseline"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let command = setup.command();
    let daemon = setup.start_unready(command);
    until("the control socket", || daemon.setup().socket().exists().then_some(()));
    daemon
}

fn starting() {
    let daemon = held_up();
    let text = String::from_utf8(daemon.ask(&["status"]).output().unwrap().stdout).unwrap();
    assert!(text.contains(&format!("process {}, starting", daemon.pid())), "{text}");
    assert_eq!(daemon.status()["starting"], true);
    let mut mode = daemon.ask(&["mode"]).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(daemon.status()["starting"], true);
    assert!(mode.try_wait().unwrap().is_none());
    let_start(&daemon);
    daemon.wait_for_notification("READY=1");
    let output = mode.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.starts_with("observe"), "{text}");
    let status = daemon.status();
    assert_eq!((&status["starting"], &status["enforcement"]["phase"]), (&false.into(), &"in_force".into()), "{status}");
    assert!(daemon.stop().status.success());
}

/// Replaces the pipe by a file, and writes what the daemon waits for.
fn let_start(daemon: &Daemon) {
    let path = daemon.setup().path("baseline");
    let mut pipe = File::options().write(true).open(&path).unwrap();
    let file = daemon.setup().path("baseline.file");
    fs::write(&file, "format 1\n").unwrap();
    fs::rename(file, path).unwrap();
    pipe.write_all(b"format 1\n").unwrap();
}

fn signalled() {
    let daemon = held_up();
    assert_eq!(daemon.status()["starting"], true);
    daemon.signal(Signal::SIGHUP);
    daemon.signal(Signal::SIGTERM);
    let_start(&daemon);
    let ended = daemon.finish();
    assert!(ended.status.success(), "{ended:?}");
}

fn impatient() {
    let daemon = held_up();
    assert_eq!(daemon.status()["starting"], true);
    // Signals that arrive at the same time count once.
    until("the end", || {
        daemon.signal(Signal::SIGTERM);
        (!daemon.runs()).then_some(())
    });
    daemon.wait_for_stderr("stopped during the start");
}

fn cannot_start() {
    let daemon = held_up();
    let mode = daemon.ask(&["mode"]).stderr(Stdio::piped()).spawn().unwrap();
    // The command has a socket once it waits for an answer.
    until("a command that is connected", || {
        let link = |entry: fs::DirEntry| fs::read_link(entry.path()).unwrap_or_default();
        let mut links = fs::read_dir(format!("/proc/{}/fd", mode.id())).unwrap().flatten().map(link);
        links.any(|link| link.to_string_lossy().starts_with("socket:")).then_some(())
    });
    let setup = daemon.kill();
    let stderr = String::from_utf8(mode.wait_with_output().unwrap().stderr).unwrap();
    let is_said = ["without an answer: it ended, or could not start", "no egret runs on"];
    assert!(is_said.iter().any(|said| stderr.contains(said)), "{stderr}");
    drop(setup);
}

/// Queries the daemon as another user, with these further options for setpriv(1).
fn ask_as(daemon: &Daemon, user: &[&str], arguments: &[&str]) -> Output {
    let egret = daemon.ask(arguments);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", STRANGER]).args(user).arg(egret.get_program()).args(egret.get_args());
    command.output().unwrap()
}

fn refusal(daemon: &Daemon, user: &[&str], arguments: &[&str]) -> String {
    let output = ask_as(daemon, user, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{stderr}");
    stderr
}

fn allow_all(socket: &Path) {
    fs::set_permissions(socket, Permissions::from_mode(0o666)).unwrap();
}

fn strangers() {
    let daemon = Setup::new().start();
    let stranger = ["--regid", STRANGER, "--clear-groups"];
    let stderr = refusal(&daemon, &stranger, &["status"]);
    assert!(stderr.contains("may not use"), "{stderr}");
    // Credentials are checked whatever the mode of the socket file is.
    allow_all(&daemon.setup().socket());
    for arguments in [vec!["status"], vec!["status", "--json"], vec!["trace", "--attach", "--duration", "10s"]] {
        let stderr = refusal(&daemon, &stranger, &arguments);
        assert!(stderr.contains("403") && stderr.contains("control.group"), "{stderr}");
    }
}

fn members() {
    let daemon = Setup::new().text("control.group", GROUP.0).start();
    let socket = fs::metadata(daemon.setup().socket()).unwrap();
    assert_eq!((socket.mode() & 0o777, socket.uid(), socket.gid().to_string().as_str()), (0o660, 0, GROUP.1));
    let primary = ["--regid", GROUP.1, "--clear-groups"];
    let further = ["--regid", STRANGER, "--groups", GROUP.1];
    for user in [&primary[..], &further[..]] {
        let output = ask_as(&daemon, user, &["status", "--json"]);
        assert!(output.status.success(), "{user:?}: {output:?}");
    }
    allow_all(&daemon.setup().socket());
    let stderr = refusal(&daemon, &["--regid", STRANGER, "--clear-groups"], &["status"]);
    assert!(stderr.contains("members of the group users"), "{stderr}");
}

/// The harness checks the account of a sink at each query.
fn adds_up() {
    let daemon = Setup::new().json().parquet().start();
    let storm = Traffic::new(&["storm", "--seconds", "2"]).start();
    for _ in 0..20 {
        for sink in ["json", "parquet", "prometheus", "live"] {
            let _ = daemon.sink(sink);
        }
    }
    let _ = storm.go();
    let ended = daemon.stop();
    assert!(ended.status.success(), "{ended:?}");
}
