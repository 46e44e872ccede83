//! The text of a baseline.

use proptest::prelude::*;

use super::super::{Action, Baseline, Problem, parse, parse_destination};
use super::strategy;

proptest! {
    #[test]
    fn written_baseline_is_parsed_back(baseline in strategy::baseline()) {
        let text = baseline.to_string();
        let read = parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&baseline), "{}", text);
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "(?s).{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_line_of_rule_like_words_is_parsed_or_refused(line in "(allow|deny|gap|host|format|exe=|->|tcp|\\*|[a-z0-9./:\"\\\\#-]{1,9}| ){0,20}") {
        let _ = parse(&format!("format 1\n{line}\n"));
    }
}

const BY_HAND: &str = "\
# Ours, since March.
format 1
host web1
gap 2026-11-21T10:00:00Z 2026-11-21T10:00:05Z 123

# The package manager.
allow exe=/usr/lib/apt/methods/http -> tcp deb.debian.org 80  # seen 12 times on 3 days, 2026-11-20T08:00:01Z to 2026-11-23T18:22:10Z; reviewed by anna
deny exe=/usr/bin/curl user=alice -> * *.example.com *
";

#[test]
fn hand_edits_are_kept() {
    let baseline = parse(BY_HAND).unwrap();
    assert_eq!(baseline.notes, [" Ours, since March."]);
    let first = baseline.entries.values().last().unwrap();
    assert_eq!(first.notes, [" The package manager."]);
    assert_eq!(first.note.as_deref(), Some("reviewed by anna"));
    assert_eq!(first.evidence.as_ref().map(|evidence| (evidence.count, evidence.days)), Some((12, 3)));
    assert_eq!(baseline.entries.values().next().unwrap().action, Action::Deny);
    let again = baseline.to_string();
    assert_eq!(parse(&again), Ok(baseline));
}

#[test]
fn every_mistake_is_reported_with_its_line() {
    let text = "\
format 1
allow exe=/usr/bin/curl tcp example.org 443
permit exe=/usr/bin/curl -> tcp example.org 443
allow exe=/usr/bin/curl exe=/usr/bin/wget -> tcp example.org 443
allow program=/usr/bin/curl -> tcp example.org 443
allow exe=/usr/bin/curl -> tpc example.org 443
allow exe=/usr/bin/curl -> tcp 192.0.2.7/24 443
allow exe=/usr/bin/curl -> tcp exa*mple.org 443
allow exe=/usr/bin/curl -> tcp example.org 443-80
allow exe=/usr/bin/curl -> tcp example.org 70000
allow exe=/usr/bin/curl -> tcp example.org
allow exe=/usr/bin/curl -> example.org
allow exe=/usr/bin/curl -> tcp ..example.org 443
allow -> tcp example.org 443
allow * user=alice -> tcp example.org 443
allow exe=\"/usr/bin/curl -> tcp example.org 443
allow * -> udp 192.0.2.1 53
deny * -> udp 192.0.2.1 53
gap yesterday today 5
";
    let problems = parse(text).unwrap_err();
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19]);
    let problem_at = |line| problems.iter().find(|problem| problem.line == line).map(Problem::to_string).unwrap();
    assert_eq!(problem_at(7), "line 7: 192.0.2.7/24 has bits beyond its prefix; meant may be 192.0.2.0/24");
    assert_eq!(problem_at(18), "line 18: line 17 has this subject and destination already");
}

#[test]
fn omitted_transport_means_any() {
    for (text, read) in [
        ("example.org 443", "* example.org 443"),
        (".Example.org 443", "* .example.org 443"),
        ("192.0.2.0/24 *", "* 192.0.2.0/24 *"),
        ("* 443", "* * 443"),
        ("* .example.org *", "* .example.org *"),
        // A host may have the name of a transport.
        ("* tcp 443", "* tcp 443"),
    ] {
        assert_eq!(parse_destination(text).map(|read| read.to_string()).as_deref(), Ok(read), "{text}");
    }
    let twice = "format 1\nallow user=a -> example.org 443\nallow user=a -> * example.org 443\n";
    assert_eq!(parse(twice).unwrap_err().len(), 1, "it is one rule");
}

#[test]
fn file_of_another_format_is_refused() {
    assert!(parse("format 2\n").unwrap_err()[0].reason.contains("this egret reads format 1"));
    assert!(parse("").is_err());
    assert_eq!(parse("format 1\n"), Ok(Baseline::default()));
}
