use std::sync::Arc;

use egret_exporters::json;
use egret_model::{
    Cgroup, Endpoint, Event, EventName, Executable, Process, Reason, Timestamp, Transport, Verdict, sample,
};
use egret_recorded::Recorded;
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{LogOptions, csv, write};
use crate::exit;
use crate::filter::{Direction, ExecutableIs, Filter, NameIs, PeerIs, UnitIs, UserIs};
use crate::{ColorChoice, LogFormat};

fn options(recorded: &Recorded) -> LogOptions {
    LogOptions {
        format: LogFormat::Json,
        arguments: egret_model::ArgumentsForm::Full,
        color: ColorChoice::Never,
        limit: None,
        directory: recorded.path().to_owned(),
        since: None,
        until: None,
        filter: Filter::default(),
        sum: None,
    }
}

fn written(options: &LogOptions) -> (String, u8) {
    let mut text = Vec::new();
    let status = write(options, &mut text).unwrap();
    (String::from_utf8(text).unwrap(), status)
}

fn lines<'a>(events: impl Iterator<Item = &'a Event>) -> String {
    let mut text = Vec::new();
    events.for_each(|event| json::write_event(&mut text, event, &egret_model::Arguments::default()));
    String::from_utf8(text).unwrap()
}

/// Events that differ in all attributes that a filter uses.
fn varied() -> Vec<Event> {
    let (exes, users) =
        (["/usr/bin/curl", "/opt/curl", "/usr/sbin/nginx (deleted)"], [Some("alice"), Some("bob"), None]);
    let peers = ["192.0.2.7", "192.0.3.7", "2001:db8::1", "::ffff:192.0.2.7"];
    let names = [EventName::ConnectionOpen, EventName::ConnectionClose, EventName::Listen];
    let pick = |number: usize, count: usize, stride: usize| (number / stride) % count;
    (0..144)
        .map(|number| {
            let executable = Executable { path: Some(exes[pick(number, 3, 1)].into()), ..Executable::default() };
            let process = Process {
                pid: u32::try_from(pick(number, 5, 2)).unwrap() + 100,
                uid: Some(u32::try_from(pick(number, 3, 3)).unwrap()),
                user: users[pick(number, 3, 3)].map(Into::into),
                cgroup: (number % 3 > 0).then(|| {
                    let unit = ["web.service", "session-1.scope"][number % 2].into();
                    Arc::new(Cgroup { unit: Some(unit), ..Cgroup::default() })
                }),
                executable: Arc::new(executable),
                ..sample::process()
            };
            Event {
                time: Timestamp(1_700_000_000_000_000_000 + i64::try_from(number).unwrap()),
                name: names[pick(number, 3, 4)],
                process: (number % 7 > 0).then(|| Arc::new(process)),
                peer: sample::endpoint(peers[pick(number, 4, 5)], [80, 443, 8080][pick(number, 3, 2)]),
                local: Endpoint { port: Some(443), ..sample::event().local },
                server: (number % 4 > 0)
                    .then(|| sample::server(["example.org", "a.example.org", "b.c"][pick(number, 3, 6)])),
                transport: [Some(Transport::Tcp), Some(Transport::Udp), None][pick(number, 3, 7)],
                verdict: [None, Some(Verdict::Allow), Some(Verdict::Block)][pick(number, 3, 8)],
                evaluation: [None, Some(Reason::Rule), Some(Reason::NoRule)][pick(number, 3, 8)]
                    .map(sample::evaluation),
                ..sample::event()
            }
        })
        .collect()
}

fn some<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    let most = values.len().min(2);
    prop_oneof![3 => Just(Vec::new()), 1 => subsequence(values, 0..=most)]
}

prop_compose! {
    fn filter()(
        pids in some(vec![100, 102, 4_000_000]),
        executables in some(vec![
            ExecutableIs::Named("curl".into()),
            ExecutableIs::Named("nginx".into()),
            ExecutableIs::At { given: "/usr/bin/curl".into(), resolved: "/opt/curl".into() },
            ExecutableIs::At { given: "/usr/sbin/nginx".into(), resolved: "/usr/sbin/nginx".into() },
        ]),
        users in some(vec![UserIs::Id(1), UserIs::Named("alice".into()), UserIs::Id(77)]),
        ports in some(vec![80..=80, 400..=500, 9000..=9001]),
        peers in some(["192.0.2.7/32", "192.0.2.0/23", "2001:db8::/32", "203.0.113.1/32"].map(|text| PeerIs::from(text.parse::<IpNet>().unwrap())).to_vec()),
        transports in some(vec!["tcp", "udp", "icmp"]),
        names in some(vec![NameIs::Exactly("example.org".into()), NameIs::Below("example.org".into())]),
        events in some(vec![EventName::ConnectionOpen, EventName::Listen, EventName::Accept]),
        verdicts in some(vec![Verdict::Allow, Verdict::WouldBlock]),
        (reasons, units, directions) in (
            some(vec![Reason::NoRule, Reason::Late]),
            some(vec![UnitIs("web".into()), UnitIs("session-1.scope".into())]),
            some(vec![Direction::In, Direction::Out]),
        ),
    ) -> Filter {
        Filter {
            pids, executables, users, units, directions, ports, peers, transports, names, events, verdicts, reasons,
            ..Filter::default()
        }
    }
}

proptest! {
    /// The query excludes only events that the filter excludes.
    #[test]
    fn shown_events_are_those_that_the_filter_matches(
        filter in filter(), not in prop::option::of(filter()), format in select(vec![LogFormat::Json]),
    ) {
        let filter = Filter { not: not.map(Box::new), ..filter };
        thread_local!(static LOG: (Vec<Event>, Recorded) = {
            let events = varied();
            let recorded = Recorded::of(&events);
            (events, recorded)
        });
        LOG.with(|(events, recorded)| {
            let (shown, status) = written(&LogOptions { format, filter: filter.clone(), ..options(recorded) });
            prop_assert_eq!(shown, lines(events.iter().filter(|event| filter.matches(event))));
            prop_assert_eq!(status, exit::DONE);
            Ok(())
        })?;
    }
}

#[test]
fn limit_bounds_the_number_of_events() {
    let events = varied();
    let recorded = Recorded::of(&events);
    let options = LogOptions { limit: Some(5), ..options(&recorded) };
    assert_eq!(written(&options).0, lines(events.iter().take(5)));
}

#[test]
fn table_has_a_header_and_a_line_for_each_event() {
    let recorded = Recorded::of(&varied());
    let (table, _) = written(&LogOptions { format: LogFormat::Table, ..options(&recorded) });
    assert!(table.starts_with("TIME"));
    assert_eq!(table.lines().count(), 145);
}

#[test]
fn a_broken_file_fails_the_command_but_hides_no_other_file() {
    let events = varied();
    let recorded = Recorded::of(&events);
    let torn = recorded.path().join("date=2023-11-14/hour=22/other-1600000000000.parquet");
    std::fs::write(&torn, "PAR1").unwrap();
    let (shown, status) = written(&options(&recorded));
    assert_eq!((shown, status), (lines(events.iter()), exit::FAILED));
}

#[test]
fn error_names_a_missing_directory() {
    let options = LogOptions { directory: "/no/such/log".into(), ..options(&Recorded::of(&[])) };
    let error = write(&options, Vec::new()).unwrap_err();
    assert!(format!("{error:#}").contains("/no/such/log"), "{error:#}");
}

#[test]
fn csv_quotes_commas_and_quotes() {
    let executable = Executable {
        path: Some("/a,\"b\"\n".into()),
        args: ["x".into(), "y, \"z\"".into()].into(),
        ..Executable::default()
    };
    let process = Process { executable: Arc::new(executable), ..sample::process() };
    let event = Event { process: Some(Arc::new(process)), ..sample::event() };
    let mut text = Vec::new();
    csv::header(&mut text).unwrap();
    csv::row(&mut text, &event, &egret_model::Arguments::default()).unwrap();
    let mut reader = ::csv::Reader::from_reader(text.as_slice());
    let header = reader.headers().unwrap().clone();
    let record = reader.records().next().unwrap().unwrap();
    let value = |name: &str| record.get(header.iter().position(|column| column == name).unwrap()).unwrap();
    assert_eq!(value("process_executable_path"), "/a,\"b\"\n");
    assert_eq!(value("process_command_args"), r#"["x","y, \"z\""]"#);
    assert_eq!((value("process_pid"), value("egret_verdict")), ("4242", ""));
    assert!(text.starts_with(b"timestamp,event_name,connection_id,") && text.ends_with(b"\r\n"));
}
