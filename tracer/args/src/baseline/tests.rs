use std::time::Duration;

use egret_config::{DEFAULT_BASELINE, DEFAULT_LOG_DIRECTORY};
use egret_enforcer::baseline::{Action, Precision};
use egret_enforcer::store::edit::RuleSelector;

use super::super::tests::{refused, typed};
use super::super::{BaselineCommand, Invocation, SubjectFilter};

fn resolve(arguments: &[&str]) -> BaselineCommand {
    match typed(&[&["baseline"], arguments].concat()) {
        Ok(Invocation::Baseline(command)) => *command,
        other => panic!("{arguments:?} gave {other:?}"),
    }
}

fn rule(arguments: &[&str]) -> String {
    match resolve(arguments) {
        BaselineCommand::Set { selector: RuleSelector::Rule(rule), .. } => rule.to_string(),
        other => panic!("{arguments:?} gave {other:?}"),
    }
}

#[test]
fn default_paths_are_used_unless_others_are_given() {
    let BaselineCommand::Learn { file, log, exact, precision, .. } = resolve(&["learn"]) else { panic!() };
    assert_eq!((file.to_str(), log.directory.to_str()), (Some(DEFAULT_BASELINE), Some(DEFAULT_LOG_DIRECTORY)));
    assert_eq!((exact, precision, log.since), (false, Precision::default(), None));
    let BaselineCommand::Learn { file, exact, precision, .. } =
        resolve(&["learn", "--output=/x", "--exact", "--with-sha256", "--any-user", "--any-unit"])
    else {
        panic!()
    };
    assert_eq!((file.to_str(), exact), (Some("/x"), true));
    assert_eq!(precision, Precision { user: false, unit: false, patterns: false, sha256: true });
    let BaselineCommand::Diff { second, .. } = resolve(&["diff", "a"]) else { panic!() };
    assert_eq!(second.to_str(), Some(DEFAULT_BASELINE));
    let BaselineCommand::Prune { unused, dry_run, .. } = resolve(&["prune", "--unused=30d"]) else { panic!() };
    assert_eq!((unused, dry_run), (Duration::from_secs(30 * 86_400), false));
}

#[test]
fn paths_come_from_the_configuration_unless_they_are_given() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("egret.toml");
    let config = config.to_str().unwrap();
    std::fs::write(config, "[baseline]\nfile = \"/a/baseline\"\n[parquet]\ndestination = \"/a/log\"\n").unwrap();
    for command in ["replay", "learn"] {
        let places = |given: &[&str]| match resolve(&[&[command, "--config", config], given].concat()) {
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
    let BaselineCommand::Show { file, .. } = resolve(&["show", "--config", config]) else { panic!() };
    assert_eq!(file.to_str(), Some("/a/baseline"));
    std::fs::write(config, "[baseline]\nfile = 7\n").unwrap();
    assert!(refused(&["baseline", "show", "--config", config]).contains("baseline.file"));
}

#[test]
fn a_rule_is_one_text_or_separate_options() {
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
    let removal = |words: &[&str]| match resolve(words) {
        BaselineCommand::Remove { removal, .. } => removal,
        other => panic!("{other:?}"),
    };
    assert_eq!(removal(&["remove", "7", "9"]).selectors, [RuleSelector::Number(7), RuleSelector::Number(9)]);
    let answered = removal(&["remove", "--by=alice", "--answered-since=2026-11-29"]);
    assert_eq!((answered.selectors.len(), answered.by.as_deref()), (0, Some("alice")));
    let BaselineCommand::Set { action, note, .. } = resolve(&["deny", "7", "--note= why "]) else { panic!() };
    assert_eq!((action, note.as_deref()), (Action::Deny, Some("why")));
}

#[test]
fn subjects_are_selected_by_file_name_path_or_subject() {
    let subject_filter = |text: &str| match resolve(&["show", "--subject", text]) {
        BaselineCommand::Show { subject_filter, .. } => subject_filter.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(subject_filter("curl"), SubjectFilter::Executable("curl".into()));
    for (text, subject) in [("/usr/bin/curl", "exe=/usr/bin/curl"), ("user=alice", "user=alice"), ("*", "*")] {
        assert!(
            matches!(subject_filter(text), SubjectFilter::Subject(found) if found.to_string() == subject),
            "{text}"
        );
    }
}

#[test]
fn all_errors_are_reported_at_once_with_the_usage() {
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
        (&["allow", "--to=example.org:443"], "the subject is missing"),
        (&["allow"], "a rule is missing"),
        (&["allow", "17", "--exe=/usr/bin/curl"], "cannot be used with"),
        (&["remove", "0"], "count from 1"),
        (&["allow", "7", "--note=a\nb"], "one line"),
        (&["prune", "--unused=soon"], "30d"),
        (&["readiness", "--since=1d"], "need --log"),
        (&["show", "--subject=program=/x"], "names nothing of a process"),
        (&["merge", "a"], "2 values required"),
    ] {
        let message = refused(&[&["baseline"], arguments].concat());
        assert!(message.contains(said), "{arguments:?}: {message}");
    }
}
