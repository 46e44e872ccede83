//! `egret config`, as scripts use it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use egret_tests::{Scratch, egret};
use libtest_mimic::Trial;

use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("config::example_is_valid", example),
        test("config::every_error_is_reported_with_its_position", wrong),
        test("config::environment_overrides_the_file", environment),
        test("config::other_commands_use_the_configured_paths", places),
        test("config::missing_file_is_reported", missing),
        test("config::doctor_reports_its_errors", doctor),
        test("config::secrets_are_not_shown", secrets),
    ]
}

/// Runs `egret config` with nothing in its environment but `variables`.
fn config(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new(egret());
    let Output { status, stdout, stderr } =
        command.arg("config").args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn written(scratch: &Scratch, text: &str) -> String {
    let path = scratch.path("egret.toml");
    fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

fn example() {
    let (status, text, stderr) = config(&["example"], &[]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let scratch = Scratch::new();
    let path = written(&scratch, &text);
    assert_eq!(config(&["check", &path], &[]), (Some(0), format!("ok: {path}\n"), String::new()));
    let (status, reference, _) = config(&["reference"], &[]);
    assert_eq!(status, Some(0));
    assert!(reference.contains("`parquet.rotate_after`"), "{reference}");
}

fn wrong() {
    let scratch = Scratch::new();
    let path = written(&scratch, "[log]\nfilter = 3\n[parqet]\n[parquet]\nrotate_after = 60s\nkeep_four = \"1d\"\n");
    let (status, stdout, stderr) = config(&["check", &path], &[]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
    let lines: Vec<_> = stderr.lines().collect();
    let expected =
        [("2:10", "log.filter = 3"), ("3:2", "\"parquet\""), ("5:16", "quoted"), ("6:1", "parquet.keep_for")];
    assert_eq!(lines.len(), expected.len(), "{stderr}");
    for (line, (place, said)) in lines.iter().zip(expected) {
        assert!(line.starts_with(&format!("{path}:{place}: ")) && line.contains(said), "{line}");
    }
    let (status, _, stderr) = config(&["show", "--config", &path], &[]);
    assert_eq!(status, Some(2), "{stderr}");
    assert!(stderr.contains("3:2"), "{stderr}");
}

fn environment() {
    let scratch = Scratch::new();
    let path = written(&scratch, "[parquet]\nkeep_for = \"7d\"\n");
    let variables = [("EGRET_JSON_ENABLED", "true"), ("EGRET_JSON_DESTINATON", "/x"), ("OTEL_SERVICE_NAME", "edge")];
    let (status, shown, stderr) = config(&["show", "--config", &path], &variables);
    assert_eq!(status, Some(0), "{stderr}");
    for (setting, by) in [
        ("keep_for = \"7d\"", format!("# {path}:2:12")),
        ("enabled = true", "# EGRET_JSON_ENABLED".to_owned()),
        ("service_name = \"edge\"", "# OTEL_SERVICE_NAME".to_owned()),
        ("rotate_after = \"1m\"", "# default".to_owned()),
    ] {
        assert!(shown.lines().any(|line| line.starts_with(setting) && line.ends_with(&by)), "{setting} {by}: {shown}");
    }
    assert!(stderr.contains("EGRET_JSON_DESTINATON") && stderr.contains("EGRET_JSON_DESTINATION"), "{stderr}");
    let (status, _, stderr) = config(&["check", &path], &[("EGRET_JSON_ENABLED", "on")]);
    assert_eq!(status, Some(2));
    assert!(stderr.starts_with("EGRET_JSON_ENABLED: json.enabled = \"on\": "), "{stderr}");
}

fn places() {
    let scratch = Scratch::new();
    let [baseline, log] = ["baseline", "log"].map(|name| scratch.path(name).to_string_lossy().into_owned());
    fs::write(&baseline, "format 1\nallow exe=/usr/bin/there -> tcp 192.0.2.1 443\n").unwrap();
    let variables = [("EGRET_BASELINE_FILE", &baseline), ("EGRET_PARQUET_DESTINATION", &log)];
    let run = |arguments: &[&str]| {
        let output = Command::new(egret()).args(arguments).env_clear().envs(variables).output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
    };
    assert!(run(&["baseline", "show"]).contains("exe=/usr/bin/there"));
    for arguments in [["log"].as_slice(), &["baseline", "learn"], &["baseline", "replay"]] {
        let said = run(arguments);
        assert!(said.contains(&log), "{arguments:?} look for the log there, and say that there is none: {said}");
    }
    let elsewhere = run(&["log", "--dir", "/no/such/log"]);
    assert!(elsewhere.contains("/no/such/log") && !elsewhere.contains(&log), "{elsewhere}");
}

fn missing() {
    for arguments in [["check", "/no/such/file"].as_slice(), &["show", "--config", "/no/such/file"]] {
        let (status, stdout, stderr) = config(arguments, &[]);
        assert_eq!((status, stdout.as_str()), (Some(2), ""));
        assert!(stderr.contains("/no/such/file: No such file or directory"), "{stderr}");
    }
    // The defaults apply if the host has no configuration.
    if !Path::new("/etc/egret/egret.toml").exists() {
        assert_eq!(config(&["check"], &[]).0, Some(0));
    }
}

fn doctor() {
    let scratch = Scratch::new();
    let wrong = written(&scratch, "[log]\nfilter = 3\n[parqet]\n");
    let run = |path: &str| {
        let output = Command::new(egret()).args(["doctor", "--json", "--config", path]).output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        // The features of the host are reported all the same.
        let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let checks = report["enforcing"]["checks"].as_array().unwrap();
        assert!(checks.iter().any(|check| check["name"] == "configuration"), "{report}");
        stderr
    };
    assert_eq!(run(&wrong), config(&["check", &wrong], &[]).2);
    assert!(run("/no/such/file").contains("/no/such/file: No such file or directory"));
}

fn secrets() {
    let scratch = Scratch::new();
    let headers = scratch.path("headers");
    fs::write(&headers, "authorization: Bearer hunter2\n").unwrap();
    let text = format!("[otlp]\nendpoint = \"https://localhost\"\nheaders_file = {headers:?}\n");
    let path = written(&scratch, &text);
    let variables = [("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2")];
    let (status, shown, stderr) = config(&["show", "--config", &path], &variables);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(shown.contains("headers are set"), "{shown}");
    assert!(!shown.contains("hunter2") && !stderr.contains("hunter2"), "{shown}{stderr}");
}
