use std::time::Duration;

use egret_config::{DEFAULT_BASELINE, DEFAULT_LOG_DIRECTORY};
use egret_enforcer::baseline::{Action, Precision};

use super::super::tests::{refused, typed};
use super::super::{BaselineCommand, Invocation, Whose};
use crate::rule::Which;

fn meant(arguments: &[&str]) -> BaselineCommand {
    match typed(&[&["baseline"], arguments].concat()) {
        Ok(Invocation::Baseline(command)) => *command,
        other => panic!("{arguments:?} gave {other:?}"),
    }
}

fn rule(arguments: &[&str]) -> String {
    match meant(arguments) {
        BaselineCommand::Set { which: Which::Rule(rule), .. } => rule.to_string(),
        other => panic!("{arguments:?} gave {other:?}"),
    }
}

#[test]
fn the_usual_places_are_meant_unless_others_are_given() {
    let BaselineCommand::Learn { file, log, exact, precision, .. } = meant(&["learn"]) else { panic!() };
    assert_eq!((file.to_str(), log.directory.to_str()), (Some(DEFAULT_BASELINE), Some(DEFAULT_LOG_DIRECTORY)));
    assert_eq!((exact, precision, log.since), (false, Precision::default(), None));
    let BaselineCommand::Learn { file, exact, precision, .. } =
        meant(&["learn", "--output=/x", "--exact", "--with-sha256", "--any-user", "--any-unit"])
    else {
        panic!()
    };
    assert_eq!((file.to_str(), exact), (Some("/x"), true));
    assert_eq!(precision, Precision { user: false, unit: false, patterns: false, sha256: true });
    let BaselineCommand::Diff { second, .. } = meant(&["diff", "a"]) else { panic!() };
    assert_eq!(second.to_str(), Some(DEFAULT_BASELINE));
    let BaselineCommand::Prune { unused, dry_run, .. } = meant(&["prune", "--unused=30d"]) else { panic!() };
    assert_eq!((unused, dry_run), (Duration::from_secs(30 * 86_400), false));
}

#[test]
fn a_configuration_names_the_baseline_and_the_log_that_are_not_given() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("egret.toml");
    let config = config.to_str().unwrap();
    std::fs::write(config, "[baseline]\nfile = \"/a/baseline\"\n[parquet]\ndestination = \"/a/log\"\n").unwrap();
    for command in ["replay", "learn"] {
        let places = |given: &[&str]| match meant(&[&[command, "--config", config], given].concat()) {
            BaselineCommand::Replay { file, log, config, .. } | BaselineCommand::Learn { file, log, config, .. } => {
                (file.to_str().unwrap().to_owned(), log.directory.to_str().unwrap().to_owned(), config.is_some())
            }
            other => panic!("{other:?}"),
        };
        let given = |file: &str, log: &str| (file.to_owned(), log.to_owned(), true);
        assert_eq!(places(&[]), given("/a/baseline", "/a/log"));
        assert_eq!(places(&["--baseline=/b"]), given("/b", "/a/log"));
        assert_eq!(places(&["--log=/c"]), given("/a/baseline", "/c"));
    }
    let BaselineCommand::Show { file, .. } = meant(&["show", "--config", config]) else { panic!() };
    assert_eq!(file.to_str(), Some("/a/baseline"));
    std::fs::write(config, "[baseline]\nfile = 7\n").unwrap();
    assert!(refused(&["baseline", "show", "--config", config]).contains("baseline.file"));
}

#[test]
fn a_rule_is_typed_as_a_whole_or_piece_by_piece() {
    let whole = "exe=/opt/none/curl user=alice -> tcp example.org 443";
    assert_eq!(rule(&["allow", whole]), whole);
    assert_eq!(rule(&["allow", &format!("allow {whole}  # seen 12 times")]), whole);
    let pieces = ["deny", "--exe=/opt/none/curl", "--user=alice", "--to=Example.org:443", "--transport=tcp"];
    assert_eq!(rule(&pieces), whole);
    let any = "exe=/opt/none/curl user=alice -> * .example.org 443";
    assert_eq!(rule(&["allow", "exe=/opt/none/curl user=alice -> .example.org 443"]), any);
    assert_eq!(rule(&["allow", "--exe=/opt/none/curl", "--user=alice", "--to=.example.org:443"]), any);
    let odd = ["allow", "--exe=/opt/none/with blank", "--script=-m http.server", "--to=*"];
    assert_eq!(rule(&odd), "exe=\"/opt/none/with blank\" script=\"-m http.server\" -> * * *");
    let removal = |words: &[&str]| match meant(words) {
        BaselineCommand::Remove { removal, .. } => removal,
        other => panic!("{other:?}"),
    };
    assert_eq!(removal(&["remove", "7", "9"]).which, [Which::Number(7), Which::Number(9)]);
    let answered = removal(&["remove", "--by=alice", "--answered-since=2026-11-29"]);
    assert_eq!((answered.which.len(), answered.by.as_deref()), (0, Some("alice")));
    let BaselineCommand::Set { action, note, .. } = meant(&["deny", "7", "--note= why "]) else { panic!() };
    assert_eq!((action, note.as_deref()), (Action::Deny, Some("why")));
}

#[test]
fn processes_are_named_by_file_path_or_subject() {
    let whose = |text: &str| match meant(&["show", "--subject", text]) {
        BaselineCommand::Show { whose, .. } => whose.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(whose("curl"), Whose::Named("curl".into()));
    for (text, subject) in [("/usr/bin/curl", "exe=/usr/bin/curl"), ("user=alice", "user=alice"), ("*", "*")] {
        assert!(matches!(whose(text), Whose::Subject(found) if found.to_string() == subject), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_at_once_with_the_usage_of_the_command() {
    let message = refused(&["baseline", "learn", "--since=noon", "--until=dusk"]);
    assert!(message.contains("\"noon\"") && message.contains("\"dusk\""), "{message}");
    assert!(message.contains("Usage: egret baseline learn"), "{message}");
    for (arguments, said) in [
        (&["allow", "exe=/usr/bin/curl tcp example.org 443"][..], "is neither KEY=VALUE nor `->`"),
        (&["allow", "deny exe=/usr/bin/curl -> tcp example.org 443"], "egret baseline deny"),
        (&["allow", "--exe=curl", "--to=example.org:443"], "expected a path"),
        (&["allow", "exe=curl -> tcp example.org 443"], "curl is no absolute path"),
        (&["deny", "unit=nginx -> tcp example.org 443"], "nginx.service"),
        (&["allow", "--exe=/usr/bin/ping", "--transport=icmp", "--to=192.0.2.1:8"], "icmp has no ports"),
        (&["allow", "--to=example.org:443"], "whose flows are meant is missing"),
        (&["allow"], "a rule is missing"),
        (&["allow", "17", "--exe=/usr/bin/curl"], "cannot be used with"),
        (&["remove", "0"], "count from 1"),
        (&["allow", "7", "--note=a\nb"], "one line"),
        (&["prune", "--unused=soon"], "30d"),
        (&["readiness", "--since=1d"], "give --log"),
        (&["show", "--subject=program=/x"], "names nothing of a process"),
        (&["merge", "a"], "2 values required"),
    ] {
        let message = refused(&[&["baseline"], arguments].concat());
        assert!(message.contains(said), "{arguments:?}: {message}");
    }
}
