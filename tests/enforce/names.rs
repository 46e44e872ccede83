//! For which programs a name is evidence: forged names do not satisfy a rule.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use egret_tests::{Daemon, Namespace, Process, needing, stdout_of, until};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::host::{Fate, Host, fate, python, switch, until_learned, until_mode};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    let tests = [
        test("names::answers_of_a_configured_server_are_evidence_for_every_program", configured),
        test("names::server_in_another_namespace_cannot_forge_names", forged),
        test("names::answer_of_an_unconfigured_server_is_evidence_for_its_program_only", own),
        test("names::forged_name_is_shown_and_not_learned", shown),
        test("names::restart_keeps_names", restarts),
        test("names::invalid_saved_names_are_not_restored", useless),
        test("names::enforce_warns_if_names_were_watched_briefly", young),
    ];
    tests.into_iter().map(|test| needing("dnsmasq", test)).collect()
}

/// The address of the host's name server, and that of another one.
const CONFIGURED: &str = "127.0.0.2";
const OTHER: &str = "127.0.0.66";
/// The real address of the names, and the forged one.
const REAL: &str = "127.7.0.1";
const EVIL: &str = "127.7.0.66";

/// A host with a web server at every address, and a truthful name server.
struct Scene {
    host: Host,
    _servers: Vec<Process>,
}

impl Scene {
    fn new() -> Self {
        let host = Host::resolving(&format!("nameserver {CONFIGURED}\n"));
        let truth = serve(&host.namespace, CONFIGURED, &[("good.test", REAL)]);
        let lies = serve(&host.namespace, OTHER, &[("good.test", EVIL)]);
        Self { host, _servers: vec![truth, lies] }
    }

    /// Allows a program to connect by name, and every program to query any name server.
    fn rules(&self, program: &Path) -> [String; 2] {
        let port = self.host.port();
        [format!("allow exe={} -> tcp good.test {port}", program.display()), "allow * -> udp * 53".to_owned()]
    }

    fn fetch(&self, program: &Path, host: &str) -> Fate {
        self.host.fetch_from(program, host)
    }
}

/// A name server with these names.
fn serve(namespace: &Namespace, address: &str, names: &[(&str, &str)]) -> Process {
    let mut command = namespace.command("dnsmasq");
    command.args(["--no-daemon", "--pid-file=", "--conf-file=/dev/null", "--no-hosts", "--no-resolv"]);
    command.args(["--bind-interfaces", &format!("--listen-address={address}")]);
    command.args(names.iter().map(|(name, address)| format!("--host-record={name},{address}")));
    namespace.serve(&mut command, &[format!("{address}:53").parse().unwrap()])
}

/// Queries a name server, waits for the answer, and runs the rest in the same process.
const ASK: &str = "import os, socket, struct, sys
server, name, *then = sys.argv[1:]
labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))
question = struct.pack('>6H', 7, 0x100, 1, 0, 0, 0) + labels + b'\\0' + struct.pack('>2H', 1, 1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.settimeout(20)
    asking.sendto(question, (server, 53))
    asking.recv(4096)
if then and then[0] == 'connect':
    with socket.socket() as client:
        client.settimeout(20)
        sys.exit({0: 0, 111: 7}[client.connect_ex((then[1], int(then[2])))])
if then:
    os.execv(then[0], then)
";

fn ask(namespace: &Namespace, words: &[&str]) -> Command {
    let mut command = namespace.command(python().to_str().unwrap());
    command.args(["-c", ASK]).args(words).stdin(Stdio::null());
    command
}

fn enforcing(scene: &Scene, program: &Path) -> Daemon {
    scene.host.enforcing(&scene.rules(program))
}

fn configured() {
    let scene = Scene::new();
    let program = scene.host.program("program");
    let daemon = enforcing(&scene, &program);
    assert_eq!(scene.fetch(&program, REAL), Fate::Refused, "the name was not resolved yet");
    assert_eq!(scene.fetch(&program, "good.test"), Fate::Passed);
    assert_eq!(scene.fetch(&program, REAL), Fate::Passed, "the name was resolved");
    assert_eq!(scene.fetch(&program, EVIL), Fate::Refused);
    assert!(daemon.stop().status.success());
}

/// A namespace that any user can create, with a name server at the address of the host's.
fn forge() {
    let lair = Namespace::resolving(&format!("nameserver {CONFIGURED}\n"));
    let _lies = serve(&lair, CONFIGURED, &[("good.test", EVIL)]);
    stdout_of(&mut ask(&lair, &[CONFIGURED, "good.test"]));
}

fn forged() {
    let scene = Scene::new();
    let program = scene.host.program("program");
    let daemon = enforcing(&scene, &program);
    forge();
    assert_eq!(scene.fetch(&program, EVIL), Fate::Refused);
    assert_eq!(scene.fetch(&program, "good.test"), Fate::Passed);
    forge();
    assert_eq!(scene.fetch(&program, EVIL), Fate::Refused);
    assert_eq!(scene.fetch(&program, REAL), Fate::Passed);
    assert!(daemon.stop().status.success());
}

fn own() {
    let scene = Scene::new();
    let program = scene.host.program("program");
    let port = scene.host.port().to_string();
    let [allowed, asking] = scene.rules(&program);
    let [also, _] = scene.rules(&python());
    let daemon = scene.host.enforcing(&[allowed, also, asking]);
    stdout_of(&mut ask(&scene.host.namespace, &[OTHER, "good.test"]));
    assert_eq!(scene.fetch(&program, EVIL), Fate::Refused, "another process was given the name");
    let url = format!("http://{EVIL}:{port}/");
    let then = [program.to_str().unwrap(), "--silent", "--noproxy", "*", &url];
    let mut becoming = ask(&scene.host.namespace, &[&[OTHER, "good.test"][..], &then].concat());
    assert_eq!(fate(&mut becoming), Fate::Refused, "it was another program when it was given the name");
    let mut itself = ask(&scene.host.namespace, &[OTHER, "good.test", "connect", EVIL, &port]);
    assert_eq!(fate(&mut itself), Fate::Passed);
    let mut unasked = ask(&scene.host.namespace, &[CONFIGURED, "good.test", "connect", EVIL, &port]);
    assert_eq!(fate(&mut unasked), Fate::Refused);
    assert!(daemon.stop().status.success());
}

fn shown() {
    let scene = Scene::new();
    let program = scene.host.program("program");
    let daemon = scene.host.setup(&[]).json().start_in(&scene.host.namespace);
    switch(&daemon, &["learn"]);
    forge();
    assert_eq!(scene.fetch(&program, EVIL), Fate::Passed);
    let line = until_learned(daemon.setup(), &["allow", program.to_str().unwrap()]);
    assert!(line.contains(EVIL) && !line.contains("good.test"), "{line}");
    let event = until("the event", || {
        let text = fs::read_to_string(daemon.setup().lines()).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let events = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.into_iter().find(|event| {
            event["event.name"] == "connection.open" && event["process.executable.path"] == program.to_str().unwrap()
        })
    });
    assert_eq!(event["server.address"], "good.test", "{event}");
    assert_eq!(event["egret.name.source"], "dns", "{event}");
    assert_eq!(event["egret.name.unverified"], true, "{event}");
    assert!(daemon.stop().status.success());
}

/// A daemon that enforces rules by name, and has captured one answer.
fn answered_once(scene: &Scene, program: &Path) -> Daemon {
    let setup = scene.host.setup(&scene.rules(program)).text("names.save_every", "1s");
    let daemon = setup.start_in(&scene.host.namespace);
    switch(&daemon, &["enforce"]);
    assert_eq!(scene.fetch(program, "good.test"), Fate::Passed);
    daemon
}

fn restarts() {
    let scene = Scene::new();
    let program = scene.host.program("program");
    let mut daemon = answered_once(&scene, &program);
    for killed in [false, true, false] {
        let file = daemon.setup().path("names");
        let setup = if killed {
            until("the file", || fs::read_to_string(&file).ok()?.contains("good.test").then_some(()));
            daemon.kill()
        } else {
            daemon.stop().setup
        };
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        daemon = setup.start_in(&scene.host.namespace);
        until_mode(&daemon, "enforce");
        // As a client that has cached the address.
        assert_eq!(scene.fetch(&program, REAL), Fate::Passed);
        assert_eq!(scene.fetch(&program, EVIL), Fate::Refused);
    }
    assert!(daemon.stop().status.success());
}

fn useless() {
    let scene = Scene::new();
    let program = scene.host.program("program");
    let mut setup = answered_once(&scene, &program).stop().setup;
    let file = setup.path("names");
    let kept = fs::read_to_string(&file).unwrap();
    let boot = kept.lines().find(|line| line.starts_with("boot ")).unwrap();
    let forged = kept.replace(REAL, EVIL);
    for (text, mode) in [
        (kept.replace(boot, "boot 00000000-0000-4000-8000-000000000000"), 0o600),
        (kept[..kept.len() - 3].to_owned(), 0o600),
        (String::new(), 0o600),
        // Other users could have written it.
        (forged, 0o666),
    ] {
        fs::write(&file, &text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let daemon = setup.start_in(&scene.host.namespace);
        until_mode(&daemon, "enforce");
        assert_eq!([REAL, EVIL].map(|peer| scene.fetch(&program, peer)), [Fate::Refused; 2], "{text}");
        setup = daemon.stop().setup;
    }
}

fn young() {
    let scene = Scene::new();
    let program = scene.host.program("program");
    let by_name = scene.rules(&program).to_vec();
    let by_address = vec![scene.host.rule("allow", &program)];
    // The name comes from /etc/hosts, which needs no captured answer.
    let by_hosts = vec![format!("allow exe={} -> tcp localhost {}", program.display(), scene.host.port())];
    for (rules, mode, is_said) in [
        (&by_name, "shadow", false),
        (&by_name, "enforce", true),
        (&by_address, "enforce", false),
        (&by_hosts, "enforce", false),
    ] {
        let daemon = scene.host.setup(rules).start_in(&scene.host.namespace);
        let output = daemon.ask(&["mode", mode]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.contains("names have been read for only "), is_said, "{mode}: {stderr}");
        assert!(daemon.status()["names"]["watched_since_ns"].as_u64() > Some(0));
        assert!(daemon.stop().status.success());
    }
}
