//! `--sum-by` of `egret log` and `egret trace`: sums of connections.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use csv::{Terminator, WriterBuilder};
use egret_config::Choice;
use egret_model::{Endpoint, Event, EventName, Process};
use serde_json::{Map, Value};

use crate::LogFormat;
use crate::filter::Direction;
use crate::table::{Columns, bytes};

/// A key to sum connections by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SumKey {
    Executable,
    Peer,
    Name,
    Port,
    User,
    Container,
    Unit,
    Direction,
}

impl Choice for SumKey {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("exe", Self::Executable, "path of the executable"),
        ("peer", Self::Peer, "address of the peer"),
        ("name", Self::Name, "name of the peer"),
        ("port", Self::Port, "port of the server"),
        ("user", Self::User, "effective user"),
        ("container", Self::Container, "NAMESPACE/WORKLOAD of the pod, or name or id of the container"),
        ("unit", Self::Unit, "systemd unit"),
        ("direction", Self::Direction, "in: the peer opened the connection; out: this host did"),
    ];
}

/// A figure to sort sums by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SumFigure {
    #[default]
    Connections,
    Sent,
    Received,
}

impl Choice for SumFigure {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("connections", Self::Connections, "connections and first datagrams, including failed ones"),
        ("sent", Self::Sent, "bytes sent"),
        ("received", Self::Received, "bytes received"),
    ];
}

/// What to sum, and which sums to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumOptions {
    /// Unique keys in the order of columns.
    pub by: Vec<SumKey>,
    /// The figure to sort by, largest first.
    pub sort: SumFigure,
    /// Most sums to show.
    pub top: Option<u64>,
}

/// Most sums. With keys of 60 bytes some 200 bytes each: 20 MB.
const MOST: usize = 100_000;
/// The keys of everything beyond [`MOST`], and of an unknown value.
const OTHER: &str = "(other)";
const UNKNOWN: &str = "-";

/// Names of figures in JSON and CSV.
const FIGURES: [&str; 3] = ["connections", "bytes_sent", "bytes_received"];

/// The values of the keys; `None` if unknown.
type Key = Vec<Option<Arc<str>>>;

/// What is summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub connections: u64,
    /// Bytes.
    pub sent: u64,
    /// Bytes.
    pub received: u64,
}

impl Figures {
    /// The figures of an event. A connection counts when it begins or fails, unless its connect is outstanding: that has another
    /// event. Bytes count if no earlier event of the connection has reported them.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match event.name {
            EventName::ConnectionClose | EventName::ConnectionUpdate => Self {
                connections: 0,
                sent: event.unreported_sent().unwrap_or(0),
                received: event.unreported_received().unwrap_or(0),
            },
            EventName::Listen => Self::default(),
            _ => Self { connections: u64::from(!event.outstanding), ..Self::default() },
        }
    }

    /// Adds other figures.
    pub const fn add(&mut self, other: Self) {
        self.connections = self.connections.saturating_add(other.connections);
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
    }

    const fn get(self, figure: SumFigure) -> u64 {
        match figure {
            SumFigure::Connections => self.connections,
            SumFigure::Sent => self.sent,
            SumFigure::Received => self.received,
        }
    }

    const fn all(self) -> [u64; 3] {
        [self.connections, self.sent, self.received]
    }
}

/// Sums of connections by key.
#[derive(Debug)]
pub struct Sums {
    options: SumOptions,
    most: usize,
    sums: HashMap<Key, Figures>,
    /// Everything beyond `most`.
    other: Figures,
}

impl Sums {
    #[must_use]
    pub fn new(options: &SumOptions) -> Self {
        Self::bounded(options, MOST)
    }

    fn bounded(options: &SumOptions, most: usize) -> Self {
        Self { options: options.clone(), most, sums: HashMap::new(), other: Figures::default() }
    }

    /// Adds an event.
    pub fn put(&mut self, event: &Event) {
        let figures = Figures::of(event);
        if figures == Figures::default() {
            return;
        }
        let key: Key = self.options.by.iter().map(|key| value(*key, event).map(Arc::from)).collect();
        if let Some(sum) = self.sums.get_mut(&key) {
            sum.add(figures);
        } else if self.sums.len() < self.most {
            self.sums.insert(key, figures);
        } else {
            self.other.add(figures);
        }
    }

    /// Writes and clears the sums.
    ///
    /// # Errors
    ///
    /// Nothing can be written to `out`.
    pub fn write(&mut self, format: LogFormat, out: &mut impl Write) -> Result<()> {
        let rows = self.sorted();
        let options = &self.options;
        match format {
            LogFormat::Table => table(out, options, &rows),
            LogFormat::Json => json(out, options, &rows),
            LogFormat::Csv => csv(out, options, &rows),
        }
    }

    /// The requested number of sums, largest first, and everything beyond the limit last.
    fn sorted(&mut self) -> Vec<(Key, Figures)> {
        let Self { options, sums, other, .. } = self;
        let mut rows: Vec<(Key, Figures)> = sums.drain().collect();
        rows.sort_unstable_by(|(one, of_one), (another, of_another)| {
            let of = |figures: &Figures| Reverse(figures.get(options.sort));
            of(of_one).cmp(&of(of_another)).then_with(|| one.cmp(another))
        });
        if let Some(top) = options.top.and_then(|top| usize::try_from(top).ok()) {
            rows.truncate(top);
        }
        if *other != Figures::default() {
            rows.push((vec![Some(OTHER.into()); options.by.len()], *other));
        }
        rows
    }
}

/// The value of a key for an event.
fn value(key: SumKey, event: &Event) -> Option<Cow<'_, str>> {
    let process = event.process.as_deref();
    let group = process.and_then(|process| process.cgroup.as_deref());
    let direction = Direction::of(event);
    match key {
        SumKey::Executable => {
            let executable = &process?.executable;
            executable.file_path().or_else(|| executable.name()).map(Cow::Borrowed)
        }
        SumKey::Peer => {
            let peer = Endpoint { port: None, ..event.peer };
            peer.address.is_some().then(|| peer.to_text())
        }
        SumKey::Name => event.server.as_ref().map(|server| Cow::Borrowed(&*server.name)),
        SumKey::Port => {
            let service = if direction == Direction::In { event.local } else { event.peer };
            service.port.map(|port| port.to_string().into())
        }
        SumKey::User => {
            let process = process?;
            let name = process.user.as_deref().map(Cow::Borrowed);
            name.or_else(|| process.uid.map(|uid| uid.to_string().into()))
        }
        SumKey::Container => container(process?),
        SumKey::Unit => group?.unit.as_deref().map(Cow::Borrowed),
        SumKey::Direction => Some(if direction == Direction::In { "in" } else { "out" }.into()),
    }
}

/// The name of a container that stays the same over a restart, else its id.
fn container(process: &Process) -> Option<Cow<'_, str>> {
    let id = process.cgroup.as_deref()?.container.as_deref()?;
    let named = process.container();
    let pod = named.and_then(|named| named.pod.as_ref()).map(|pod| pod.subject());
    Some(pod.or_else(|| named.and_then(|named| named.name.as_deref())).unwrap_or(id).into())
}

fn words(sum: &SumOptions) -> impl Iterator<Item = &'static str> {
    let word = |key: &SumKey| SumKey::WORDS.iter().find(|(_, known, _)| known == key).map(|(word, ..)| *word);
    sum.by.iter().filter_map(word)
}

fn json(out: &mut impl Write, sum: &SumOptions, rows: &[(Key, Figures)]) -> Result<()> {
    for (key, figures) in rows {
        let values =
            words(sum).zip(key).filter_map(|(word, value)| Some((word.to_owned(), Value::from(&**value.as_ref()?))));
        let figures =
            FIGURES.into_iter().zip(figures.all()).map(|(title, figure)| (title.to_owned(), Value::from(figure)));
        let object: Map<String, Value> = values.chain(figures).collect();
        serde_json::to_writer(&mut *out, &object)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn csv(out: &mut impl Write, sum: &SumOptions, rows: &[(Key, Figures)]) -> Result<()> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
    writer.write_record(words(sum).chain(FIGURES))?;
    for (key, figures) in rows {
        key.iter().try_for_each(|value| writer.write_field(value.as_deref().unwrap_or_default()))?;
        figures.all().iter().try_for_each(|figure| writer.write_field(figure.to_string()))?;
        writer.write_record(None::<&[u8]>)?;
    }
    Ok(writer.flush()?)
}

fn table(out: &mut impl Write, sum: &SumOptions, rows: &[(Key, Figures)]) -> Result<()> {
    let titles = words(sum).map(str::to_uppercase);
    let mut columns = Columns::new(titles.chain([">CONNECTIONS", ">SENT", ">RECEIVED"].map(str::to_owned)));
    for (key, Figures { connections, sent, received }) in rows {
        let values = key.iter().map(|value| value.as_deref().unwrap_or(UNKNOWN).to_owned());
        let figures = [connections.to_string(), bytes(*sent), bytes(*received)];
        columns.row(values.chain(figures).collect::<Vec<_>>());
    }
    Ok(columns.write(out)?)
}

#[cfg(test)]
mod tests {
    use egret_model::sample;

    use super::*;

    fn options(by: &[SumKey], sort: SumFigure, top: Option<u64>) -> SumOptions {
        SumOptions { by: by.to_vec(), sort, top }
    }

    fn to(name: &str, sent: u64) -> [Event; 2] {
        let open = Event { server: Some(sample::server(name)), ..sample::event() };
        let close =
            Event { name: EventName::ConnectionClose, bytes_sent: Some(sent), bytes_received: Some(7), ..open.clone() };
        [open, close]
    }

    fn summed(options: &SumOptions, most: usize, events: &[Event]) -> Vec<(String, [u64; 3])> {
        let mut sums = Sums::bounded(options, most);
        events.iter().for_each(|event| sums.put(event));
        let shown = |key: Key| key.iter().map(|value| value.as_deref().unwrap_or("?")).collect::<Vec<_>>().join(" ");
        sums.sorted().into_iter().map(|(key, figures)| (shown(key), figures.all())).collect()
    }

    #[test]
    fn a_connection_counts_once_and_bytes_are_not_counted_twice() {
        let events = [to("b.example", 5), to("a.example", 9), to("b.example", 2)].concat();
        let by_name = options(&[SumKey::Name], SumFigure::Connections, None);
        assert_eq!(
            summed(&by_name, MOST, &events),
            [("b.example".to_owned(), [2, 7, 14]), ("a.example".to_owned(), [1, 9, 7])]
        );
        let update =
            Event { name: EventName::ConnectionUpdate, bytes_sent_delta: Some(3), ..to("b.example", 50)[1].clone() };
        assert_eq!(
            summed(&by_name, MOST, &[update]),
            [("b.example".to_owned(), [0, 3, 7])],
            "only bytes since the last row"
        );
        let most_sent = options(&[SumKey::Name], SumFigure::Sent, Some(1));
        assert_eq!(summed(&most_sent, MOST, &events), [("a.example".to_owned(), [1, 9, 7])]);
        let asked = Event { outstanding: true, ..sample::event() };
        let failed = Event { name: EventName::ConnectionFailed, ..sample::event() };
        assert_eq!(summed(&by_name, MOST, &[asked, failed]), [("example.org".to_owned(), [1, 0, 0])]);
    }

    #[test]
    fn several_keys_make_one_sum_and_unknown_is_a_value() {
        let nameless = Event { server: None, process: None, ..sample::event() };
        let accepted = Event { name: EventName::Accept, inbound: true, ..sample::event() };
        let by =
            options(&[SumKey::Executable, SumKey::Direction, SumKey::Port, SumKey::Name], SumFigure::Connections, None);
        let mut rows = summed(&by, MOST, &[nameless, accepted, sample::event()]);
        rows.sort();
        let rows: Vec<&str> = rows.iter().map(|(key, _)| &**key).collect();
        assert_eq!(rows, ["/usr/bin/curl in 50000 example.org", "/usr/bin/curl out 443 example.org", "? out 443 ?"]);
    }

    #[test]
    fn sums_beyond_the_limit_are_added_up() {
        let events: Vec<Event> = (0..5).flat_map(|number| to(&format!("{number}.example"), 1)).collect();
        let by_name = options(&[SumKey::Name], SumFigure::Connections, None);
        let rows = summed(&by_name, 2, &events);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[2], (OTHER.to_owned(), [3, 3, 21]));
    }

    #[test]
    fn every_format_has_keys_and_figures() {
        let sum = options(&[SumKey::Name, SumKey::User], SumFigure::Connections, None);
        let rows = vec![(vec![Some("a\u{1b}[31m".into()), None], Figures { connections: 2, sent: 1_536, received: 0 })];
        let text = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        let shown = text(&|out| table(out, &sum, &rows).unwrap());
        assert!(shown.starts_with("NAME") && !shown.contains('\u{1b}') && shown.contains("1.5K"), "{shown}");
        let line = text(&|out| json(out, &sum, &rows).unwrap());
        let expected =
            serde_json::json!({"name": "a\u{1b}[31m", "connections": 2, "bytes_sent": 1536, "bytes_received": 0});
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
        let file = text(&|out| csv(out, &sum, &rows).unwrap());
        assert_eq!(file, "name,user,connections,bytes_sent,bytes_received\r\na\u{1b}[31m,,2,1536,0\r\n");
    }
}
