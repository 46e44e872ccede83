//! From traffic to a baseline, and to the flows that it would block.

use std::process::Command;

use egret_tests::{egret, stdout_of, traffic};
use libtest_mimic::Trial;

use crate::{Directory, record, test};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("walk::recorded_flows_are_learned_and_allowed", learned),
        test("walk::unlearned_program_would_be_blocked", stranger),
        test("walk::scripts_have_separate_rules", scripts),
        test("walk::unlearned_script_would_be_blocked", other_scripts),
        test("walk::inline_programs_share_one_rule_without_their_text", inline_programs),
        test("walk::reviewed_copies_are_compared", reviewed),
        test("walk::bypass_exemptions_are_reported", exempted),
    ]
}

fn learned() {
    let directory = Directory::new();
    let (log, program) = (directory.path("log"), traffic().display().to_string());
    let log = log.to_str().unwrap();
    // Each run has a different port: more than eight of them become one rule.
    let script = format!("for run in 1 2 3 4 5 6 7 8 9 10; do {program} tcp-blocking --count 3 > /dev/null; done");
    record(log.as_ref(), &["sh", "-c", &format!("{script}; {program} udp-connected > /dev/null")]);
    let said = directory.stdout_of("learn", &["--log", log]);
    assert!(said.contains(" flows, ") && said.contains("1024-65535, for "), "{said}");
    assert!(directory.stdout_of("check", &[]).starts_with("ok: "));
    let text = directory.text();
    assert!(text.contains(&format!("allow exe={program} user=root -> tcp ")), "{text}");
    let replay = directory.json("replay", &["--log", log]);
    assert!(replay["flows"].as_u64() >= Some(30), "{replay}");
    assert_eq!((&replay["would_block"], &replay["flows"]), (&0.into(), &replay["allowed"]), "{replay}");
    directory.stdout_of("learn", &["--log", log]);
    assert_eq!(directory.text(), text, "learned twice");
    let readiness = directory.json("readiness", &[]);
    let overall = &readiness["overall"];
    assert_eq!((&overall["ready"], &overall["novelty_at_most"]), (&false.into(), &1.0.into()), "{readiness}");
    assert_eq!(overall["flows"], replay["flows"], "{readiness}");
    assert!(overall["verdict"].as_str().unwrap().starts_with("not ready: only 1 day"), "{readiness}");
    let explained = directory.json("explain", &["1", "--log", log]);
    assert_eq!(explained["count"].as_u64(), None);
    assert_eq!(explained["evidence"]["count"], explained["log"]["flows"], "{explained}");
}

fn stranger() {
    let directory = Directory::new();
    let (usual, odd) = (directory.path("usual"), directory.path("odd"));
    let copy = directory.0.copy(&traffic(), "stranger").display().to_string();
    record(&usual, &[traffic().to_str().unwrap(), "tcp-blocking"]);
    record(&odd, &[&copy, "tcp-blocking", "--count", "4"]);
    directory.stdout_of("learn", &["--log", usual.to_str().unwrap()]);
    let odd = ["--log", odd.to_str().unwrap()];
    let replay = directory.json("replay", &odd);
    assert_eq!((&replay["would_block"], &replay["flows"], &replay["unattributed"]), (&4.into(), &4.into(), &0.into()));
    let blocked = &replay["blocked"][0];
    assert_eq!((&blocked["executable"], &blocked["count"]), (&copy.as_str().into(), &4.into()), "{replay}");
    let table = directory.stdout_of("replay", &odd);
    assert!(table.contains("blocked    4 (100 %)") && table.contains(&copy), "{table}");
    directory.stdout_of("allow", &[blocked["rule"].as_str().unwrap()]);
    assert_eq!(directory.json("replay", &odd)["would_block"], 0);
    directory.stdout_of("deny", &["--exe", &copy, "--to", "*"]);
    let denied = directory.json("replay", &odd);
    assert_eq!((&denied["would_block"], &denied["blocked"][0]["reason"]), (&4.into(), &"denied".into()), "{denied}");
}

fn scripts() {
    let directory = Directory::new();
    let log = directory.path("log");
    let connect = "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))\n";
    let names = ["one.py", "two.py"].map(|name| directory.path(name));
    names.iter().for_each(|name| std::fs::write(name, connect).unwrap());
    let [one, two] = names.map(|name| name.display().to_string());
    record(&log, &["sh", "-c", &format!("python3 {one}; python3 {two}")]);
    directory.stdout_of("learn", &["--log", log.to_str().unwrap()]);
    let text = directory.text();
    for script in [one, two] {
        assert!(
            text.lines().any(|line| line.contains("python3") && line.contains(&format!("script={script} "))),
            "{text}"
        );
    }
}

fn other_scripts() {
    let directory = Directory::new();
    let (usual, odd) = (directory.path("usual"), directory.path("odd"));
    let send = "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))\n";
    let elsewhere = directory.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let [app, evil, same] = [directory.path("app.py"), directory.path("evil.py"), elsewhere.join("app.py")];
    let [app_sh, same_sh] = [directory.path("app.sh"), elsewhere.join("app.sh")];
    let [gone_sh, found_sh] = [directory.path("gone.sh"), elsewhere.join("gone.sh")];
    [&app, &evil, &same].iter().for_each(|script| std::fs::write(script, send).unwrap());
    for script in [&app_sh, &same_sh, &gone_sh, &found_sh] {
        std::fs::write(script, "echo > /dev/udp/127.0.0.1/9\n").unwrap();
    }
    let [app, evil, elsewhere, app_sh] = [&app, &evil, &elsewhere, &app_sh].map(|path| path.display().to_string());
    let here = directory.path("").display().to_string();
    let python = "/usr/bin/python3";
    record(
        &usual,
        &[
            "sh",
            "-c",
            &format!("cd {here}; {python} -I app.py; {python} {app}; bash {app_sh}; bash -e ./app.sh; bash gone.sh"),
        ],
    );
    std::fs::remove_file(gone_sh).unwrap();
    directory.stdout_of("learn", &["--log", usual.to_str().unwrap()]);
    let replay = directory.json("replay", &["--log", usual.to_str().unwrap()]);
    // bash connects its socket, sends, and is refused: failed flows are evaluated separately.
    assert_eq!((&replay["flows"], &replay["would_block"]), (&8.into(), &0.into()), "{replay}\n{}", directory.text());
    for line in [
        format!("{python} -I {evil} {app}"),
        format!("{python} -W ignore {evil} {app}"),
        format!("bash -s {app_sh} < {elsewhere}/app.sh"),
        format!("cd {elsewhere}; {python} app.py"),
        format!("cd {elsewhere}; bash -o errexit app.sh {app_sh}"),
        format!("cd {here}; PATH={elsewhere}:$PATH bash gone.sh"),
        format!("bash -c 'echo > /dev/udp/127.0.0.1/9' {app_sh}"),
    ] {
        record(&odd, &["sh", "-c", &line]);
        let replay = directory.json("replay", &["--log", odd.to_str().unwrap()]);
        let flows = if line.contains("bash") { 2 } else { 1 };
        assert_eq!((&replay["flows"], &replay["would_block"]), (&flows.into(), &flows.into()), "{line}: {replay}");
        std::fs::remove_dir_all(&odd).unwrap();
    }
}

fn inline_programs() {
    let directory = Directory::new();
    let log = directory.path("log");
    let line = "for run in $(seq 120); do bash -ec \"password=hunter2-$run; echo > /dev/udp/127.0.0.1/9\"; done";
    record(&log, &["sh", "-c", line]);
    directory.stdout_of("learn", &["--log", log.to_str().unwrap()]);
    let text = directory.text();
    let rules: Vec<_> = text.lines().filter(|line| line.contains("script=")).collect();
    assert!(matches!(rules[..], [rule] if rule.contains("bash script=-c user=root")), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

fn reviewed() {
    let directory = Directory::new();
    let log = directory.path("log");
    let copy = directory.path("reviewed");
    std::fs::write(&copy, "# Reviewed.\nformat 1\n").unwrap();
    record(&log, &[traffic().to_str().unwrap(), "tcp-blocking"]);
    directory.stdout_of("learn", &["--log", log.to_str().unwrap()]);
    let difference = directory.stdout_of("diff", &[copy.to_str().unwrap()]);
    assert!(difference.starts_with("+ allow exe=") && difference.lines().count() == 1, "{difference}");
    let mut merge = Command::new(egret());
    merge.args(["baseline", "merge"]).args([&copy, &directory.file()]).arg("--output").arg(&copy);
    stdout_of(&mut merge);
    assert_eq!(directory.stdout_of("diff", &[copy.to_str().unwrap()]), "");
    assert!(std::fs::read_to_string(&copy).unwrap().starts_with("# Reviewed.\nformat 1\n"));
}

fn exempted() {
    let directory = Directory::new();
    let (log, file) = (directory.path("log"), directory.path("egret.toml"));
    record(&log, &[traffic().to_str().unwrap(), "tcp-blocking", "--count", "3"]);
    let directory = log.display();
    std::fs::write(&file, format!(
        "[parquet]\ndestination = \"{directory}\"\n[enforce]\nbypass_users = [\"root\", \"daemon\"]\nbypass_groups = [\"root\"]\n"
    )).unwrap();
    let text = stdout_of(Command::new(egret()).args(["doctor", "--json", "--config"]).arg(file));
    let enforcing = &serde_json::from_str::<serde_json::Value>(&text).unwrap()["enforcing"];
    let bypass = &enforcing["bypass"];
    assert_eq!((&bypass["flows"], &bypass["exempt"]), (&3.into(), &3.into()), "{bypass}");
    let by: Vec<_> = bypass["by"].as_array().unwrap().iter().map(|by| by["flows"].as_u64()).collect();
    assert_eq!(by, [Some(3), Some(0), Some(3)], "{bypass}");
    let firewall = enforcing["checks"].as_array().unwrap().iter().find(|check| check["name"] == "firewall").unwrap();
    assert_eq!(firewall["status"], "ok", "{firewall}");
}
