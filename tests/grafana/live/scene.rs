//! A host in a network namespace: a daemon, a Prometheus that scrapes it, a name server, a web server, and programs that use them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use egret_tests::{Daemon, Namespace, Process, Scratch, Setup, python, traffic, until};

use super::answers::{Answers, Wanted, answers};
use super::prometheus::Prometheus;
use super::sql::Log;

const RESOLVER: ([u8; 4], u16) = ([127, 0, 0, 53], 53);
const WEB: ([u8; 4], u16) = ([127, 0, 0, 2], 8080);
/// A closed port.
const CLOSED: &str = "http://reports.example.test:9";

pub(crate) struct Scene {
    daemon: Daemon,
    prometheus: Prometheus,
    namespace: Namespace,
    programs: Scratch,
    _servers: [Process; 2],
}

impl Scene {
    pub(crate) fn start() -> Self {
        let namespace = Namespace::resolving("nameserver 127.0.0.53\n");
        let programs = Scratch::new();
        let _ = programs.copy(&traffic(), "backup-agent");
        let servers = [name_server(&namespace), web_server(&namespace, &programs)];
        // All traffic of the namespace is loopback.
        let setup = Setup::new().parquet().text("parquet.rotate_after", "1s").set("enforce.loopback", "\"judge\"");
        let setup = setup.text("baseline.save_every", "1s");
        let plain = setup.command();
        let mut inside = namespace.command(&plain.get_program().to_string_lossy());
        inside.args(plain.get_args()).stdin(Stdio::null());
        inside.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let daemon = setup.start_by(inside);
        let prometheus = Prometheus::scraping(&daemon.metrics(), &namespace);
        Self { daemon, prometheus, namespace, programs, _servers: servers }
    }

    /// One round of traffic: names, downloads, refused connects, datagrams, IPv6.
    pub(crate) fn traffic(&self) {
        for name in ["api", "www", "cache"] {
            self.fetch(&format!("http://{name}.example.test:8080/"));
        }
        self.fetch(CLOSED);
        for way in [
            &["thread-storm", "--threads", "2", "--count", "5", "--bytes", "1000"][..],
            &["udp-sendto"],
            &["tcp-refused"],
            &["tcp-blocking", "--ipv6"],
        ] {
            self.run(&self.agent().to_string_lossy(), way);
        }
    }

    /// A program with traffic.
    pub(crate) fn agent(&self) -> PathBuf {
        self.programs.path("backup-agent")
    }

    /// Fetches a page; the result may be a failure.
    pub(crate) fn fetch(&self, url: &str) {
        self.run("curl", &["--silent", "--output", "/dev/null", "--max-time", "2", url]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = self.namespace.command(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap();
    }

    /// Makes traffic for this time: rates need more than two scrapes.
    pub(crate) fn traffic_for(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.traffic();
        }
    }

    /// A command of egret that asks the daemon.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Command {
        self.daemon.ask(arguments)
    }

    /// The daemon's standard error so far.
    pub(crate) fn said(&self) -> String {
        self.daemon.stderr()
    }

    /// The current answers for each panel.
    pub(crate) fn answers(&self, wanted: &Wanted) -> Answers {
        let log = Log { directory: self.daemon.setup().log(), times: self.times() };
        self.namespace.within(|| answers(wanted, &self.prometheus, &log))
    }

    pub(crate) fn times(&self) -> [u64; 2] {
        self.prometheus.times()
    }

    /// Makes traffic until every required panel has data.
    pub(crate) fn until_answered(&self, wanted: &[Wanted]) {
        let mut problems = Vec::new();
        let enough = Instant::now() + egret_tests::PATIENCE;
        while Instant::now() < enough {
            self.traffic();
            let answers: Vec<Answers> = wanted.iter().map(|wanted| self.answers(wanted)).collect();
            let hopeless = answers.iter().any(|answers| answers.hopeless);
            problems = answers.into_iter().flat_map(|answers| answers.problems).collect();
            if problems.is_empty() {
                return;
            }
            assert!(!hopeless, "{problems:#?}");
        }
        panic!("{problems:#?}\n{}", self.daemon.stderr());
    }

    /// Asserts that the daemon and the scrapes succeeded.
    pub(crate) fn finish(self) {
        let wrong = self.namespace.within(|| self.prometheus.problems_of_rules());
        assert!(wrong.is_empty(), "{wrong:#?}");
        let ended = self.daemon.stop();
        assert!(ended.status.success(), "{}", ended.stderr);
    }
}

fn name_server(namespace: &Namespace) -> Process {
    let mut command = namespace.command("dnsmasq");
    command.args(["--no-daemon", "--no-resolv", "--no-hosts", "--bind-interfaces", "--conf-file=/dev/null"]);
    command.args(["--listen-address=127.0.0.53", "--address=/example.test/127.0.0.2"]);
    namespace.serve(&mut command, &[SocketAddr::from(RESOLVER)])
}

/// Serves an empty directory.
fn web_server(namespace: &Namespace, scratch: &Scratch) -> Process {
    let directory = scratch.path("www");
    std::fs::create_dir(&directory).unwrap();
    let mut command = namespace.command(&std::path::absolute(python()).unwrap().to_string_lossy());
    command.args(["-m", "http.server", "8080", "--bind", "127.0.0.2", "--directory"]).arg(directory);
    let server = namespace.serve(&mut command, &[SocketAddr::from(WEB)]);
    until("a web server", || namespace.within(|| std::net::TcpStream::connect(SocketAddr::from(WEB)).ok()));
    server
}
