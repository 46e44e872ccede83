//! A test host, whose programs are copies of curl.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use egret_tests::{Daemon, Hand, Namespace, Scratch, Setup, egret, stdout_of, until};
use serde_json::Value;

use crate::web::Web;

/// Outcome of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Passed,
    /// At once.
    Refused,
    /// Nobody answered.
    Silence,
}

/// A namespace with a web server, and programs that fetch pages from it.
pub(crate) struct Host {
    pub(crate) namespace: Namespace,
    scratch: Scratch,
    web: Web,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::resolving("")
    }

    /// A host with this resolver configuration.
    pub(crate) fn resolving(configuration: &str) -> Self {
        let namespace = Namespace::resolving(configuration);
        let web = Web::start(&namespace);
        Self { namespace, scratch: Scratch::new(), web }
    }

    /// A copy of curl that no other test runs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let found = Command::new("sh").args(["-c", "command -v curl"]).output().unwrap();
        let path = String::from_utf8(found.stdout).unwrap();
        self.scratch.copy(&fs::canonicalize(path.trim()).unwrap(), name)
    }

    /// A copy of the traffic generator.
    pub(crate) fn generator(&self, name: &str) -> PathBuf {
        self.scratch.copy(&egret_tests::traffic(), name)
    }

    /// A path in a directory of the test's own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    /// The port of the web server.
    pub(crate) fn port(&self) -> u16 {
        self.web.port
    }

    /// The address of the web server that programs use by default.
    pub(crate) fn peer(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port()))
    }

    /// A rule about a program and the web server.
    pub(crate) fn rule(&self, action: &str, program: &Path) -> String {
        format!("{action} exe={} -> tcp 127.0.0.1 {}", program.display(), self.port())
    }

    /// The setup of a daemon with these rules and one for this test itself. Digests are off: few tests need them, and
    /// unoptimised builds compute them slowly.
    pub(crate) fn setup(&self, rules: &[String]) -> Setup {
        let setup = Setup::new().set("capture.hash", "false").text("enforce.loopback", "judge");
        write_rules(&setup, rules);
        setup.text("baseline.save_every", "1s").set("fallback.enabled", "false").set("ask.enabled", "false")
    }

    /// A daemon that enforces these rules.
    pub(crate) fn enforcing(&self, rules: &[String]) -> Daemon {
        let daemon = self.setup(rules).start_in(&self.namespace);
        switch(&daemon, &["enforce"]);
        daemon
    }

    /// Fetches a page.
    pub(crate) fn fetch(&self, program: &Path) -> Fate {
        self.fetch_from(program, "127.0.0.1")
    }

    /// The same from another address, or a name.
    pub(crate) fn fetch_from(&self, program: &Path, host: &str) -> Fate {
        fate(&mut self.fetching(&[program.to_str().unwrap()], host))
    }

    /// The command of a fetch, with a prefix.
    pub(crate) fn fetching(&self, words: &[&str], host: &str) -> Command {
        let mut command = self.namespace.command(words[0]);
        command.args(&words[1..]).args(["--silent", "--noproxy", "*", "--connect-timeout", "2", "--max-time", "20"]);
        command.arg(format!("http://{host}:{}/", self.port())).stdin(Stdio::null());
        command
    }

    /// Starts this many connections to the web server without waiting for any.
    pub(crate) fn connect(&self, times: u64) {
        let mut hand = Hand::start(&mut self.namespace.command(egret_tests::traffic().to_str().unwrap()));
        for _ in 0..times {
            hand.make("tcp 0.0.0.0:0");
            hand.make(&format!("connect {}", self.peer()));
        }
    }

    /// Output of a command in the namespace, which must succeed.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        stdout_of(self.namespace.command(words[0]).args(&words[1..]))
    }

    /// All firewall rules, without counters and times.
    pub(crate) fn firewall(&self) -> String {
        let saved = ["iptables-save", "ip6tables-save"].map(|tool| self.run(&[tool]));
        let lines = saved.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#'));
        let plain = |line: &str| match line.split_once(" [") {
            Some((chain, _)) if chain.starts_with(':') => format!("{chain}\n"),
            _ => format!("{line}\n"),
        };
        lines.map(plain).collect()
    }
}

/// Writes a baseline as a person would.
pub(crate) fn write_rules(setup: &Setup, rules: &[String]) {
    let this = std::env::current_exe().unwrap().canonicalize().unwrap();
    let text = format!("format 1\nallow exe={} -> * * *\n{}\n", this.display(), rules.join("\n"));
    fs::write(setup.path("baseline"), text).unwrap();
}

/// The outcome that curl reports.
pub(crate) fn fate(curl: &mut Command) -> Fate {
    let output = curl.output().unwrap();
    match output.status.code() {
        Some(0) => Fate::Passed,
        Some(7) => Fate::Refused,
        Some(28) => Fate::Silence,
        _ => panic!("{curl:?}: {output:?}"),
    }
}

/// The Python interpreter by the path that rules contain: `python3` in PATH may be a wrapper script.
pub(crate) fn python() -> PathBuf {
    let asked = "import os, sys; print(os.path.realpath(sys.executable))";
    stdout_of(Command::new("python3").args(["-c", asked])).trim().into()
}

/// Runs `egret mode`, which must succeed.
pub(crate) fn switch(daemon: &Daemon, arguments: &[&str]) -> String {
    stdout_of(&mut daemon.ask(&[&["mode"][..], arguments].concat()))
}

/// Runs `egret mode`, which must be refused; returns the error.
pub(crate) fn refused(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = daemon.ask(&[&["mode"][..], arguments].concat()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    stderr
}

/// The state of enforcement.
pub(crate) fn state(daemon: &Daemon) -> Value {
    daemon.status()["enforcement"].take()
}

/// Waits until a mode is in force.
pub(crate) fn until_mode(daemon: &Daemon, mode: &str) -> Value {
    until(&format!("the mode {mode}"), || {
        let state = state(daemon);
        let is_there = state["mode"] == mode && (mode == "observe") == state["backend"].is_null();
        is_there.then_some(state)
    })
}

/// The number of verdicts of a kind, for any reason.
pub(crate) fn count(state: &Value, verdict: &str) -> u64 {
    let verdicts = state["verdicts"].as_array().unwrap();
    verdicts.iter().filter(|kind| kind["verdict"] == verdict).map(|kind| kind["count"].as_u64().unwrap()).sum()
}

/// Waits until there were at least this many verdicts.
pub(crate) fn until_counted(daemon: &Daemon, verdict: &str, least: u64) -> Value {
    until(&format!("{least} verdicts {verdict}"), || {
        let state = state(daemon);
        (count(&state, verdict) >= least).then_some(state)
    })
}

/// Waits until the baseline's file has a line that contains all of these.
pub(crate) fn until_learned(setup: &Setup, words: &[&str]) -> String {
    until(&format!("a rule about {words:?}"), || {
        let text = fs::read_to_string(setup.path("baseline")).unwrap_or_default();
        text.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
    })
}

/// A command about the baseline of a setup.
pub(crate) fn baseline(setup: &Setup, name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(egret());
    command.args(["baseline", name, "--baseline"]).arg(setup.path("baseline")).args(arguments);
    command.args(["replay", "readiness"].contains(&name).then_some("--config"));
    command.args(["replay", "readiness"].contains(&name).then(|| setup.configuration()));
    stdout_of(&mut command)
}
