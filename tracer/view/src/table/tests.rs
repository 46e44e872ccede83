use std::sync::{Arc, OnceLock};

use egret_model::{Cgroup, Container, Event, EventName, Executable, Image, Pod, Process, Workload, sample};
use jiff::tz::{TimeZone, offset};
use proptest::prelude::*;

use super::{Table, TableStyle, text};

const PIPE: TableStyle = TableStyle { color: false, width: None, utf8: true };

fn lines(style: TableStyle, events: &[Event]) -> String {
    let mut table = Table::in_zone(style, TimeZone::fixed(offset(1)));
    let mut out = Vec::new();
    table.header(&mut out);
    events.iter().for_each(|event| table.row(&mut out, event));
    String::from_utf8(out).unwrap()
}

fn closed() -> Event {
    Event {
        name: EventName::ConnectionClose,
        peer: sample::endpoint("2001:db8:1:2:3:4:5:6", 443),
        connection_duration_ns: Some(65_000_000_000),
        bytes_sent: Some(1_536),
        bytes_received: Some(5_678_901),
        ..sample::event()
    }
}

fn hostile(name: &str) -> Event {
    let executable = Executable { path: Some(format!("/tmp/{name}").into()), ..Executable::default() };
    let process = Process { executable: Arc::new(executable), user: Some(name.into()), ..sample::process() };
    Event { process: Some(Arc::new(process)), server: Some(sample::server(name)), ..closed() }
}

#[test]
fn a_pipe_has_full_values_in_all_columns() {
    let expected = [
        "TIME         PROCESS              PID USER       PROTO EVENT         LOCAL                 PEER                  \
         NAME                           DURATION     SENT RECEIVED CONTAINER",
        "23:13:20.123 curl                4242 alice      tcp   open          10.0.0.5:50000        192.0.2.7:443         \
         example.org                      12.3ms        -        - -",
        "23:13:20.123 curl                4242 alice      tcp   close         10.0.0.5:50000        \
         [2001:db8:1:2:3:4:5:6]:443 example.org                       1m05s    ↑1.5K    ↓5.4M -",
        "",
    ];
    assert_eq!(lines(PIPE, &[sample::event(), closed()]), expected.join("\n"));
}

#[test]
fn a_terminal_has_columns_that_fit() {
    let style = TableStyle { width: Some(80), ..PIPE };
    let expected = [
        "TIME         PROCESS         PID PROTO EVENT      PEER                  DURATION",
        "23:13:20.123 curl           4242 tcp   close      [2001:db8:…4:5:6]:443    1m05s",
        "",
    ];
    assert_eq!(lines(style, &[closed()]), expected.join("\n"));
}

#[test]
fn without_utf8_there_is_only_ascii() {
    let style = TableStyle { width: Some(132), utf8: false, ..PIPE };
    let text = lines(style, &[hostile("grüße"), Event { connect_duration_ns: Some(1_500), ..sample::event() }]);
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains(">1.5K") && text.contains("1.50us"), "{text}");
}

#[test]
fn unknown_values_are_a_dash() {
    let nameless = Event { process: None, transport: None, server: None, connect_duration_ns: None, ..sample::event() };
    let text = lines(PIPE, &[nameless]);
    let words: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
    let expected =
        ["23:13:20.123", "-", "-", "-", "-", "open", "10.0.0.5:50000", "192.0.2.7:443", "-", "-", "-", "-", "-"];
    assert_eq!(words, expected);
}

#[test]
fn a_container_is_shown_by_its_best_known_name() {
    let id: Arc<str> = "4fcbdd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc".into();
    let shown = |details: Option<Container>| {
        let group = Cgroup { container: Some(Arc::clone(&id)), ..Cgroup::default() };
        let group = Cgroup { details: OnceLock::from(details.map(Arc::new)), ..group };
        let process = Process { cgroup: Some(Arc::new(group)), ..sample::process() };
        let text = lines(PIPE, &[Event { process: Some(Arc::new(process)), ..closed() }]);
        text.lines().nth(1).unwrap().split_whitespace().last().unwrap().to_owned()
    };
    let image = Container { image: Image::parse("nginx:1.27"), ..Container::default() };
    let named = Container { name: Some("web".into()), ..image.clone() };
    let pod = Some(Pod::new("shop", "web-x2lvq", Workload { name: "web".into(), kind: None }));
    assert_eq!(shown(None), "4fcbdd3ae0a1");
    assert_eq!(shown(Some(image)), "nginx:1.27");
    assert_eq!(shown(Some(named.clone())), "web");
    assert_eq!(shown(Some(Container { pod, ..named })), "shop/web-x2lvq");
}

#[test]
fn colour_changes_no_text() {
    let coloured = lines(TableStyle { color: true, ..PIPE }, &[closed(), hostile("\u{1b}[31m")]);
    assert!(coloured.contains("\u{1b}[2mclose\u{1b}[0m"), "{coloured:?}");
    assert_eq!(without_colour(&coloured), lines(PIPE, &[closed(), hostile("\u{1b}[31m")]));
}

/// `text` without sequences that select colours and weights.
fn without_colour(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |plain, piece| {
        let (parameters, rest) = piece.split_once('m').expect("every sequence sets a style");
        assert!(parameters.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'), "{piece:?}");
        plain + rest
    })
}

proptest! {
    #[test]
    fn hostile_names_never_reach_the_terminal(
        name in prop_oneof![any::<String>(), "[\\x00-\\x1f\\x7f-\\x9f\u{202a}-\u{202e}a-c]{0,60}"],
        style in (any::<bool>(), prop::option::of(40..300_u16), any::<bool>())
            .prop_map(|(color, width, utf8)| TableStyle { color, width, utf8 }),
    ) {
        let written = lines(style, &[hostile(&name)]);
        let plain = without_colour(&written);
        prop_assert_eq!(plain.matches('\n').count(), 2, "a header and a row");
        prop_assert!(!plain.replace('\n', "").chars().any(char::is_control), "{:?}", plain);
        prop_assert!(!plain.contains(|c| ('\u{202a}'..='\u{202e}').contains(&c)), "{:?}", plain);
        if let Some(width) = style.width {
            prop_assert!(plain.lines().all(|line| text::width(line) <= usize::from(width)), "{}", plain);
        }
    }
}
