//! Diagnostics of a file.

use std::fs;

use super::{right, wrong};
use crate::{Problems, load};

fn refused(path: &std::path::Path) -> Problems {
    load(Some(path), std::iter::empty()).expect_err("must be refused")
}

#[test]
fn every_error_is_reported_at_once_with_its_location() {
    let text = "\
[capture]
layer = \"sokets\"
  evry_send = true
[parqet]
[parquet]
rotate_after = 60s
zstd_level = \"3\"
[log]
zstd_level = 3
[otlp.headers]
\"é x\" = \"secret\"
";
    assert_eq!(
        wrong(text, &[("EGRET_JSON_ENABLED", "on")]),
        [
            r#"egret.toml:2:9: capture.layer = "sokets": expected one of "auto", "sockets", "syscalls", "procfs""#,
            r#"egret.toml:3:3: unknown key "capture.evry_send"; did you mean "capture.every_send"?"#,
            r#"egret.toml:4:2: unknown section "parqet"; did you mean "parquet"?"#,
            r#"egret.toml:6:16: string values must be quoted, expected literal string"#,
            r#"egret.toml:7:14: parquet.zstd_level = "3": expected a number from 1 to 22, without quotes"#,
            r#"egret.toml:9:1: unknown key "log.zstd_level"; did you mean "parquet.zstd_level"?"#,
            r#"egret.toml:11:9: otlp.headers."é x": expected the name of a header"#,
            r#"EGRET_JSON_ENABLED: json.enabled = "on": expected true or false"#,
        ]
    );
}

#[test]
fn columns_count_characters() {
    let problems = wrong("json = { destination = \"é\", \"é\" = 1 }", &[]);
    let places: Vec<_> = problems.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(places, ["egret.toml:1:24", "egret.toml:1:29"]);
}

#[test]
fn lines_below_a_broken_heading_are_not_reported() {
    let problems = wrong("[control\nsocket = \"/run/x\"\n[log]\nfiltr = \"info\"", &[]);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("egret.toml:1:") && problems[1].contains("log.filter"), "{problems:?}");
}

#[test]
fn keys_outside_of_sections_are_reported_with_their_section() {
    let problems = wrong("rotate_after = \"5s\"\nparquet = 1", &[]);
    assert_eq!(
        problems,
        [
            r#"egret.toml:1:1: unknown key "rotate_after"; did you mean "parquet.rotate_after"?"#,
            "egret.toml:2:11: expected a section, [parquet]",
        ]
    );
}

#[test]
fn keys_set_twice_are_reported() {
    let problems = wrong("[log]\nfilter = \"info\"\nfilter = \"warn\"", &[]);
    assert!(problems[0].starts_with("egret.toml:3:1: "), "{problems:?}");
}

#[test]
fn conflicting_options_are_reported() {
    let text =
        "[capture]\nlayer = \"procfs\"\nevery_send = true\n[parquet]\nkeep_size = \"1MiB\"\n[control]\nsocket = ";
    let problems = wrong(&format!("{text}\"/{}\"", "x".repeat(107)), &[]);
    let places: Vec<_> = problems.iter().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(places, ["capture.every_send", "parquet.keep_size", "control.socket"]);
    right("[control]\nsocket = \"/run/egret.sock\"", &[]);
}

#[test]
fn a_named_file_must_exist() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("egret.toml");
    assert!(refused(&path).to_string().contains("egret.toml: No such file"));
    fs::create_dir(&path).unwrap();
    assert!(refused(&path).to_string().contains("Is a directory"));
}

#[test]
fn files_that_are_not_text_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("egret.toml");
    fs::write(&path, b"[log]\nfilter = \"\xff\"").unwrap();
    assert!(refused(&path).to_string().ends_with("egret.toml:2:11: expected UTF-8"));
    fs::write(&path, vec![b'\n'; (1 << 20) + 1]).unwrap();
    assert!(refused(&path).to_string().ends_with("longer than 1 MiB"));
}

#[test]
fn a_missing_group_is_a_warning() {
    assert!(right("[control]\ngroup = \"adm\"", &[]).warnings.is_empty());
    let loaded = right("[control]\ngroup = \"staff\"", &[]);
    assert_eq!(loaded.warnings, [r#"egret.toml:2:9: control.group: this host has no group "staff""#]);
    assert_eq!(loaded.settings.control.group.as_deref(), Some("staff"));
}

#[test]
fn bypassed_accounts_must_exist() {
    right("[enforce]\nbypass_users = [\"root\", \"4242\"]\nbypass_groups = [\"adm\", \"4243\"]", &[]);
    let text = "[enforce]\nbypass_users = [\"root\",\n  \"bakup\", \"4294967296\"]\nbypass_groups = [\"backup\"]";
    assert_eq!(
        wrong(text, &[]),
        [
            r#"egret.toml:3:3: enforce.bypass_users = "bakup": this host has no such user; did you mean "backup"?"#,
            r#"egret.toml:3:12: enforce.bypass_users = "4294967296": this host has no such user"#,
            r#"egret.toml:4:18: enforce.bypass_groups = "backup": this host has no such group"#,
        ]
    );
    assert_eq!(
        wrong("", &[("EGRET_ENFORCE_BYPASS_USERS", "root,nobody")]),
        [r#"EGRET_ENFORCE_BYPASS_USERS: enforce.bypass_users = "nobody": this host has no such user"#]
    );
}
