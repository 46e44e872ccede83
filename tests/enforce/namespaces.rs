//! Other network namespaces: any user can create one, and assign any address to any server in it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use egret_tests::{Cgroup, Setup, egret, stdout_of, until};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::host::{Fate, Host, baseline, fate, state, switch, until_learned};
use crate::inbound::neighbour;
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("namespaces::flows_of_another_namespace_are_not_learned_for_the_host", poisoned),
        test("namespaces::flows_of_a_container_are_learned_for_its_image", contained),
        test("namespaces::status_and_readiness_count_the_same_flows", agreed),
    ]
}

/// An address that nobody has outside, and a port (RFC 5737).
const ADDRESS: &str = "203.0.113.66";
const PORT: &str = "4433";

/// An address without a route in any namespace.
const NOWHERE: &str = "203.0.113.67";

/// In a separate network namespace: fails in ways that few hooks see, fetches from a closed port, and then from a
/// server at the address.
const FETCH: &str = "ip link set lo up
connect=\"from socket import *; s = socket(); [s.connect_ex(('$NOWHERE', $PORT)) for _ in range(2)]\"
send=\"from socket import *; s = socket(type=SOCK_DGRAM); s.setsockopt(SOL_IP, 11, 1); s.sendto(b'x', ('$ADDRESS', 9))\"
python3 -c \"$connect\"; ip address add $ADDRESS/32 dev lo; python3 -c \"$send\"
fetch() { $PROGRAM --silent --noproxy '*' --max-time 20 http://$ADDRESS:$PORT/ >/dev/null; }
! fetch
python3 -m http.server --bind $ADDRESS $PORT >/dev/null 2>&1 & trap \"kill $!\" EXIT
until fetch; do sleep 0.1; done";

fn fetch_elsewhere(host: &Host, words: &[&str], program: &Path) {
    let mut command = host.namespace.command(words[0]);
    command.args(&words[1..]).args(["sh", "-c", FETCH]).stdin(Stdio::null());
    stdout_of(command.env("PROGRAM", program).env("ADDRESS", ADDRESS).env("NOWHERE", NOWHERE).env("PORT", PORT));
}

fn text(setup: &Setup) -> String {
    fs::read_to_string(setup.path("baseline")).unwrap()
}

/// Whether a rule mentions what only another namespace has.
fn mentions_another(setup: &Setup) -> bool {
    [ADDRESS, NOWHERE].iter().any(|address| text(setup).contains(address))
}

fn poisoned() {
    let host = Host::new();
    let curl = host.program("curl-of-the-host");
    let daemon = host.setup(&[]).parquet().start_in(&host.namespace);
    for mode in ["observe", "learn"] {
        switch(&daemon, &[mode]);
        fetch_elsewhere(&host, &["unshare", "--map-root-user", "--net"], &curl);
        // A later flow of the host is learned.
        let later = host.program(&format!("later-{mode}"));
        assert_eq!(host.fetch(&later), Fate::Passed);
        until_learned(daemon.setup(), &["allow", later.to_str().unwrap()]);
        assert!(!mentions_another(daemon.setup()), "{mode}: {}", text(daemon.setup()));
    }
    switch(&daemon, &["enforce"]);
    stdout_of(host.namespace.command("ip").args(["address", "add", &format!("{ADDRESS}/32"), "dev", "lo"]));
    let mut server = host.namespace.command("python3");
    server.args(["-m", "http.server", "--bind", ADDRESS, PORT]);
    let server = host.namespace.serve(&mut server, &[format!("{ADDRESS}:{PORT}").parse().unwrap()]);
    let mut command = host.namespace.command(curl.to_str().unwrap());
    command.args(["--silent", "--noproxy", "*", "--connect-timeout", "2", &format!("http://{ADDRESS}:{PORT}/")]);
    assert_eq!(fate(&mut command), Fate::Refused);
    drop(server);
    from_its_log(&daemon.stop().setup);
}

/// Learning from the log ignores the same flows.
fn from_its_log(setup: &Setup) {
    fs::remove_file(setup.path("baseline")).unwrap();
    let mut command = Command::new(egret());
    command.args(["baseline", "learn", "--allow-failed", "--baseline"]).arg(setup.path("baseline"));
    let output = command.arg("--log").arg(setup.log()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("in other network namespaces and not of a container: "), "{said}");
    assert!(!mentions_another(setup) && text(setup).contains("later-learn"), "{}", text(setup));
}

/// A Docker container with this image, with the state from which names are read.
fn container(setup: &Setup, image: &str) -> (String, Cgroup) {
    let id = format!("{:064x}", u64::from(std::process::id()) << 32 | 0x61);
    let root = setup.path("host");
    let directory = root.join("var/lib/docker/containers").join(&id);
    fs::create_dir_all(&directory).unwrap();
    let config = serde_json::json!({"Image": image, "Labels": {}});
    let state = serde_json::json!({"ID": id, "Name": "/front", "Config": config});
    fs::write(directory.join("config.v2.json"), state.to_string()).unwrap();
    let group = Cgroup::new(&format!("egrettest-elsewhere-{}.slice/docker-{id}.scope", std::process::id()));
    (root.to_string_lossy().into_owned(), group)
}

fn contained() {
    let host = Host::new();
    let program = host.program("contained");
    let setup = host.setup(&[]);
    let (root, group) = container(&setup, "shop/web:1.2");
    let daemon = setup.text("capture.host_root", &root).start_in(&host.namespace);
    let enter = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", group.directory().display());
    let words = ["sh", "-c", &enter, "sh", "unshare", "--net"];
    let expected = [program.to_str().unwrap(), "image=shop/web:1.2", ADDRESS];
    // Container names are resolved asynchronously: the first flows may have none.
    until("a rule of the image", || {
        fetch_elsewhere(&host, &words, &program);
        let is_rule = |line: &&str| line.starts_with("allow ") && expected.iter().all(|word| line.contains(word));
        text(daemon.setup()).lines().any(|line| is_rule(&line)).then_some(())
    });
    let readiness: Value = serde_json::from_str(&baseline(daemon.setup(), "readiness", &["--json"])).unwrap();
    assert_eq!(readiness["overall"]["flows"], 0, "they are never evaluated: {readiness}");
    assert_eq!(state(&daemon)["baseline"]["flows"], 0);
    group.remove();
    assert!(daemon.stop().status.success());
}

fn agreed() {
    let host = Host::new();
    let _other = neighbour(&host);
    let setup = host.setup(&[]).text("enforce.loopback", "skip");
    let seen = |times: &str| format!("# seen {times} on 1 day, 2026-11-20T08:00:01Z to 2026-11-20T09:00:00Z");
    let rules = [("* 192.0.2.1 443", 3), ("* 192.0.2.2 443", 1), ("* 127.0.0.1 80", 500), ("* 10.9.7.1 80", 500)];
    let line = |who: &str, to: &str, times| match times {
        1 => format!("allow exe=/bin/x{who} -> {to}  {}\n", seen("1 time")),
        _ => format!("allow exe=/bin/x{who} -> {to}  {}\n", seen(&format!("{times} times"))),
    };
    let lines: String = rules.iter().map(|(to, times)| line("", to, *times)).collect();
    let of_container = line(" image=shop/web:1.2", "* 192.0.2.1 443", 500);
    fs::write(setup.path("baseline"), format!("format 1\n{lines}{of_container}")).unwrap();
    let daemon = setup.start_in(&host.namespace);
    let state = until("a look at the addresses of the host", || {
        let state = state(&daemon)["baseline"].take();
        (state["flows"] == 4).then_some(state)
    });
    // In the namespace, so that the addresses of the host are those of the daemon.
    let mut command = host.namespace.command(egret().to_str().unwrap());
    command.args(["baseline", "readiness", "--json", "--baseline"]).arg(daemon.setup().path("baseline"));
    let readiness = stdout_of(command.arg("--config").arg(daemon.setup().configuration()));
    let readiness: Value = serde_json::from_str(&readiness).unwrap();
    for key in ["flows", "novelty", "novelty_at_most"] {
        assert_eq!(state[key], readiness["overall"][key], "{key}: {state} {readiness}");
    }
    assert_eq!((&state["novelty"], &state["executables"][0]["flows"]), (&0.25.into(), &4.into()), "{state}");
    assert!(daemon.stop().status.success());
}
