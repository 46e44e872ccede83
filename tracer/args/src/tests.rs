use std::ffi::OsString;
use std::time::Duration;

use clap::CommandFactory;
use egret_config::{DEFAULT_LOG_DIRECTORY, duration, ring_bytes};
use egret_model::{EventName, Interface, Layer, Reason, Timestamp, Verdict};
use egret_view::filter::{ContainerIs, Direction, ExecutableIs, NameIs, UnitIs, UserIs};
use egret_view::sums::{SumFigure, SumKey, SumOptions};
use egret_view::{ColorChoice, LogFormat, exit};
use ipnet::IpNet;
use proptest::prelude::*;

use super::cli::Cli;
use super::{Format, Invocation, LogOptions, TraceOptions, parse, value};

pub(super) fn typed(arguments: &[&str]) -> Result<Invocation, clap::Error> {
    parse(["egret"].iter().chain(arguments).map(OsString::from))
}

fn traced(arguments: &[&str]) -> TraceOptions {
    match typed(&[&["trace"], arguments].concat()) {
        Ok(Invocation::Trace(options)) => *options,
        other => panic!("{arguments:?} gave {other:?}"),
    }
}

fn log_options(arguments: &[&str]) -> LogOptions {
    match typed(&[&["log"], arguments].concat()) {
        Ok(Invocation::Log(options)) => *options,
        other => panic!("{arguments:?} gave {other:?}"),
    }
}

pub(super) fn refused(arguments: &[&str]) -> String {
    let error = typed(arguments).expect_err("must be refused");
    assert_eq!(error.exit_code(), i32::from(exit::USAGE), "{error}");
    error.to_string()
}

fn printed(arguments: &[&str]) -> String {
    match typed(arguments) {
        Ok(Invocation::Print(text)) => String::from_utf8(text).unwrap(),
        other => panic!("{arguments:?} gave {other:?}"),
    }
}

#[test]
fn clap_definitions_are_valid() {
    Cli::command().debug_assert();
}

#[test]
fn defaults_show_the_whole_host_as_a_table() {
    let options = traced(&[]);
    assert_eq!((options.format, options.color, options.capture), (Format::Table, ColorChoice::Auto, None));
    assert_eq!((options.duration, options.ring_bytes), (None, 4 << 20));
    assert!(options.preexisting && options.names && options.hash && !options.every_send);
    assert!(options.command.is_empty());
    assert_eq!(options.filter, egret_view::filter::Filter::default());
}

#[test]
fn an_exclamation_mark_excludes_a_value() {
    let options = log_options(&[
        "--exe=!nginx",
        "--exe=curl",
        "--port=!53,443",
        "--direction=out",
        "--container=shop/web,!4fcbdd3ae0a1",
        "--unit=!cron",
        "--verdict=!allow",
        "--event=!listen",
    ]);
    let not = options.filter.not.as_deref().unwrap();
    assert_eq!(options.filter.executables, [ExecutableIs::Named("curl".into())]);
    assert_eq!(not.executables, [ExecutableIs::Named("nginx".into())]);
    assert_eq!((&*options.filter.ports, &*not.ports), (&[443..=443][..], &[53..=53][..]));
    assert_eq!((&*options.filter.directions, not.directions.len()), (&[Direction::Out][..], 0));
    assert_eq!(
        (&*options.filter.containers, &*not.containers),
        (&[ContainerIs("shop/web".into())][..], &[ContainerIs("4fcbdd3ae0a1".into())][..])
    );
    assert_eq!(
        (&*not.units, &*not.verdicts, &*not.events),
        (&[UnitIs("cron".into())][..], &[Verdict::Allow][..], &[EventName::Listen][..])
    );
    assert!(options.filter.verdicts.is_empty() && options.filter.events.is_empty());
    assert!(refused(&["log", "--port=!http"]).contains("--port"));
    assert_eq!(traced(&["--user=!root"]).filter.not.unwrap().users, [UserIs::Id(0)]);
    assert_eq!(traced(&["--exe=./!odd"]).filter.not, None);
}

#[test]
fn bytes_of_a_path_are_escaped_as_in_events() {
    for path in [r"/nowhere/a\xff", r"/nowhere/a\\xff", r"/nowhere/a\b"] {
        let at = ExecutableIs::At { given: path.into(), resolved: path.into() };
        assert_eq!(traced(&["--exe", path]).filter.executables, [at]);
    }
}

#[test]
fn sum_keys_are_unique() {
    let options = log_options(&["--sum-by=exe,name,exe", "--sort=sent", "--top=5"]);
    let expected = SumOptions { by: vec![SumKey::Executable, SumKey::Name], sort: SumFigure::Sent, top: Some(5) };
    assert_eq!(options.sum, Some(expected));
    assert_eq!(log_options(&[]).sum, None);
    for wrong in [
        &["log", "--sum-by=nothing"][..],
        &["log", "--top=5"],
        &["log", "--sort=sent"],
        &["log", "--sum-by=exe", "--sort=x"],
        &["log", "--sum-by=exe", "--top=0"],
    ] {
        refused(wrong);
    }
    assert!(refused(&["log", "--sum-by=exe", "--limit=1"]).contains("use --top"));
}

#[test]
fn sums_of_a_trace_have_the_bytes_of_open_connections() {
    let options = traced(&["--sum-by=name,exe", "--sort=received", "--top=3"]);
    let expected = SumOptions { by: vec![SumKey::Name, SumKey::Executable], sort: SumFigure::Received, top: Some(3) };
    assert_eq!((options.sum, options.totals), (Some(expected), Some(super::TOTALS)));
    assert_eq!(traced(&["--sum-by=exe", "--totals=1h"]).totals, Some(Duration::from_secs(3600)));
    assert_eq!((traced(&[]).sum, traced(&[]).totals), (None, None));
    refused(&["trace", "--top=5"]);
    assert!(refused(&["trace", "--sum-by=exe", "--every-send"]).contains("--every-send"));
}

#[test]
fn every_option_of_trace_is_resolved() {
    let options = traced(&[
        "--format=json",
        "--color=never",
        "--duration=1h30m",
        "--no-standing",
        "--capture=syscalls",
        "--every-send",
        "--ring-size=64KiB",
        "--no-names",
        "--no-hash",
        "--pid=1,2",
        "--pid=3",
        "--exe=curl",
        "--user=4242,root",
        "--port=80,8000-8099",
        "--peer=10.0.0.0/8,::1",
        "--transport=tcp,raw",
        "--name=Example.ORG.,*.example.net",
        "--event=listen",
        "--parquet=/tmp/log",
        "--",
        "sh",
        "-c",
        "exit 3",
    ]);
    assert_eq!((options.format, options.color), (Format::Json, ColorChoice::Never));
    assert_eq!(options.capture, Some(Layer::Syscalls));
    assert_eq!((options.duration, options.ring_bytes), (Some(Duration::from_secs(5400)), 64 << 10));
    assert!(!options.preexisting && !options.names && !options.hash && options.every_send);
    assert_eq!(options.command, ["sh", "-c", "exit 3"]);
    let filter = options.filter;
    assert!(filter.followed_only);
    assert_eq!(filter.pids, [1, 2, 3]);
    assert_eq!(filter.executables, [ExecutableIs::Named("curl".into())]);
    assert_eq!(filter.users, [UserIs::Id(4242), UserIs::Id(0)]);
    assert_eq!(filter.ports, [80..=80, 8000..=8099]);
    let networks: Vec<IpNet> = filter.peers.iter().map(|peer| peer.network).collect();
    assert_eq!(networks, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    assert_eq!(filter.transports, ["tcp", "raw"]);
    assert_eq!(filter.names, [NameIs::Exactly("example.org".into()), NameIs::Below("example.net".into())]);
    assert_eq!(filter.events, [EventName::Listen]);
    assert_eq!(options.parquet, Some("/tmp/log".into()));
}

#[test]
fn all_errors_are_reported_at_once() {
    let message = refused(&[
        "trace",
        "--format=xml",
        "--color=blue",
        "--duration=0s",
        "--ring-size=3MiB",
        "--capture=ebpf",
        "--pid=0",
        "--user=99999999999",
        "--port=9-1",
        "--port=0",
        "--peer=localhost",
        "--transport=quic",
        "--exe=",
    ]);
    for wrong in ["xml", "blue", "0s", "3MiB", "ebpf", "99999999999", "9-1", "localhost", "quic"] {
        assert!(message.contains(&format!("{wrong:?}")), "{wrong} is not in {message}");
    }
    assert_eq!(message.matches("error: ").count(), 12, "{message}");
    assert!(message.contains("Usage: egret trace"), "{message}");
}

#[test]
fn trace_refuses_users_that_do_not_exist() {
    let message = refused(&["trace", "--user=no-such-user,!rooot", "--user=4294967295"]);
    assert!(message.contains("\"no-such-user\" for '--user <NAME|UID>': this host has no such user"), "{message}");
    assert!(message.contains("\"rooot\"") && message.contains("did you mean \"root\"?"), "{message}");
    assert_eq!(message.matches("error: ").count(), 2, "{message}");
    let of_any_host = log_options(&["--user=no-such-user"]).filter;
    assert_eq!(of_any_host.users, [UserIs::Named("no-such-user".into())]);
}

#[test]
fn defaults_show_the_whole_log() {
    let options = log_options(&[]);
    assert_eq!((options.format, options.directory.to_str()), (LogFormat::Table, Some(DEFAULT_LOG_DIRECTORY)));
    assert_eq!((options.since, options.until, options.limit), (None, None, None));
    assert_eq!(options.filter, egret_view::filter::Filter::default());
}

#[test]
fn every_option_of_log_is_resolved() {
    let options = log_options(&[
        "--dir=/var/log/egret",
        "--format=csv",
        "--limit=10",
        "--since=2026-11-24T08:00:00Z",
        "--until=2026-11-24T10:00:00+01:00",
        "--verdict=block,would_block",
        "--reason=no_rule",
        "--exe=curl",
    ]);
    assert_eq!((options.format, options.limit), (LogFormat::Csv, Some(10)));
    assert_eq!(options.directory.to_str(), Some("/var/log/egret"));
    assert_eq!(options.since, options.until.map(|until| Timestamp(until.0 - 3_600_000_000_000)));
    assert_eq!(options.filter.verdicts, [Verdict::Block, Verdict::WouldBlock]);
    assert_eq!(options.filter.reasons, [Reason::NoRule]);
    assert_eq!(options.filter.executables, [ExecutableIs::Named("curl".into())]);
}

#[test]
fn the_path_of_the_log_comes_from_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good", "[parquet]\ndestination = \"/data/connections\"\n");
    assert_eq!(log_options(&["--config", &good]).directory.to_str(), Some("/data/connections"));
    let none = file("none", "[parquet]\nenabled = false\n");
    assert!(refused(&["log", "--config", &none]).contains("no log"));
    let wrong = file("wrong", "[parquet]\nplace = 1\n");
    assert!(refused(&["log", "--config", &wrong]).contains("place"));
    assert!(refused(&["log", "--config", "/no/such/file"]).contains("/no/such/file"));
    refused(&["log", "--config", &good, "--dir=/elsewhere"]);
}

#[test]
fn times_are_relative_or_zoned_or_local() {
    let now: jiff::ZonedDateTime = "2026-11-24T12:00:00+02:00[+02:00]".parse().unwrap();
    for (text, expected) in [
        ("90m", "2026-11-24T08:30:00Z"),
        ("2d", "2026-11-22T10:00:00Z"),
        ("2026-11-24T08:00", "2026-11-24T06:00:00Z"),
        ("2026-11-24", "2026-11-23T22:00:00Z"),
        ("2026-11-24T08:00Z", "2026-11-24T08:00:00Z"),
        ("2026-11-24T08:00:00.5-05:00", "2026-11-24T13:00:00.5Z"),
    ] {
        let expected: jiff::Timestamp = expected.parse().unwrap();
        let moment = value::moment(text, &now).map(|moment| i128::from(moment.0));
        assert_eq!(moment, Ok(expected.as_nanosecond()), "{text}");
    }
}

#[test]
fn all_errors_of_log_are_reported_at_once() {
    let message = refused(&[
        "log",
        "--format=xml",
        "--limit=0",
        "--since=yesterday",
        "--until=9999999999999y",
        "--verdict=perhaps",
        "--reason=whim",
        "--event=open",
        "--name=*",
    ]);
    assert_eq!(message.matches("error: ").count(), 8, "{message}");
    assert!(message.contains("Usage: egret log"), "{message}");
    assert!(refused(&["log", "--since=1h", "--until=2h"]).contains("--until is not after --since"));
}

#[test]
fn conflicting_options_are_refused() {
    assert!(refused(&["trace", "--every-send", "--capture=procfs"]).contains("--every-send"));
    assert!(refused(&["trace", "--", ""]).contains("empty name"));
}

#[test]
fn unknown_arguments_are_bad_usage() {
    refused(&[]);
    refused(&["watch"]);
    refused(&["trace", "--colour=never"]);
    refused(&["trace", "ls"]);
}

#[test]
fn hostile_values_are_quoted_in_messages() {
    assert!(!refused(&["trace", "--peer=\u{1b}[2J"]).contains('\u{1b}'));
}

#[test]
fn the_last_of_repeated_options_is_used() {
    assert_eq!(traced(&["--format=json", "--format=table"]).format, Format::Table);
}

#[test]
fn help_and_version_are_not_errors() {
    for arguments in [&["--help"][..], &["--version"], &["trace", "--help"], &["doctor", "-h"]] {
        let message = typed(arguments).expect_err("clap reports help as an error");
        assert_eq!(message.exit_code(), i32::from(exit::DONE), "{arguments:?}");
    }
    let help = typed(&["trace", "--help"]).expect_err("help").to_string();
    assert!(help.contains("Examples:") && help.contains("- procfs:"), "{help}");
}

#[test]
fn doctor_is_parsed() {
    let asked = Invocation::Doctor(super::DoctorArgs { json: true, config: None });
    assert_eq!(typed(&["doctor", "--json"]).unwrap(), asked);
}

#[test]
fn completions_contain_the_words_of_options() {
    let script = printed(&["completions", "bash"]);
    assert!(script.contains("--ring-size") && script.contains("udplite"), "{script}");
}

#[test]
fn manual_pages_are_about_egret_or_one_command() {
    assert!(printed(&["man"]).contains(".TH egret 1"));
    assert!(printed(&["man", "trace"]).contains(".TH egret-trace 1"));
    assert!(printed(&["man", "baseline learn"]).contains(".TH egret-baseline-learn 1"));
    assert!(refused(&["man", "dance"]).contains("dance"));
}

#[test]
fn symbolic_links_are_resolved() {
    let directory = std::env::temp_dir().join(format!("egret-args-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (file, link) = (directory.join("file"), directory.join("link"));
    std::fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let found = value::executable(link.to_str().unwrap()).unwrap();
    let resolved = file.canonicalize().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let expected =
        ExecutableIs::At { given: link.to_str().unwrap().into(), resolved: resolved.to_str().unwrap().into() };
    assert_eq!(found, expected);
}

#[test]
fn a_path_that_does_not_exist_is_kept() {
    let nowhere = "/no/such/directory/of/egret/tests/binary";
    let expected = ExecutableIs::At { given: nowhere.into(), resolved: nowhere.into() };
    assert_eq!(value::executable(nowhere), Ok(expected));
}

#[test]
fn networks_of_mapped_addresses_become_ipv4() {
    for (text, expected) in [
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ] {
        assert_eq!(
            value::peer(text).map(|peer| (peer.network, peer.interface)),
            Ok((expected.parse().unwrap(), None)),
            "{text}"
        );
    }
}

#[test]
fn a_link_local_peer_may_have_an_interface() {
    let peer = value::peer("fe80::1%eth0").unwrap();
    assert_eq!((peer.network, peer.interface), ("fe80::1/128".parse().unwrap(), Interface::from_name("eth0")));
    for text in ["2001:db8::1%eth0", "fe80::1%", "fe80::/64%eth0", "10.0.0.1%eth0"] {
        assert!(value::peer(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn a_ring_is_a_power_of_two_of_at_least_a_page(bits in 0_u32..40, more in 0_u64..3) {
        let bytes = (1_u64 << bits) + more;
        let good = bytes.is_power_of_two() && (4096..=1 << 31).contains(&bytes);
        prop_assert_eq!(ring_bytes(&bytes.to_string()).ok().map(u64::from), good.then_some(bytes));
    }

    #[test]
    fn ports_are_ranges_in_order_above_zero(first in any::<u16>(), last in any::<u16>()) {
        let good = first > 0 && first <= last;
        prop_assert_eq!(value::ports(&format!("{first}-{last}")).ok(), good.then_some(first..=last));
        prop_assert_eq!(value::ports(&first.to_string()).ok(), (first > 0).then_some(first..=first));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = (duration(&text), ring_bytes(&text), value::pid(&text), value::user(&text));
        let _ = (value::host(&text), value::event(&text), value::moment(&text, &jiff::ZonedDateTime::now()));
        let _ = (value::ports(&text), value::peer(&text), value::transport(&text), value::executable(&text));
    }
}
