//! The text of a cell.

use std::borrow::Cow;

use egret_model::{Event, EventName, Process};
use jiff::tz::TimeZone;

use super::column::Column;
use super::{figure, outcome};

const UNKNOWN: Cow<'static, str> = Cow::Borrowed("-");

#[derive(Clone, Debug)]
pub(super) struct Locale {
    pub(super) zone: TimeZone,
    pub(super) utf8: bool,
}

impl Locale {
    /// The text of `column` for `event`, of any length and not trusted.
    pub(super) fn cell<'a>(&self, column: Column, event: &'a Event) -> Cow<'a, str> {
        let process = event.process.as_deref();
        let text = match column {
            Column::Time => Some(self.time(event).into()),
            Column::Process => process.and_then(|process| process.executable.name()).map(Cow::Borrowed),
            Column::Pid => process.map(|process| process.pid.to_string().into()),
            Column::User => process.and_then(user),
            Column::Transport => event.transport.map(|transport| transport.as_str().into()),
            Column::Outcome => Some(outcome::outcome(event).0),
            Column::Local => Some(event.local.to_text()),
            Column::Peer => Some(event.peer.to_text()),
            Column::Name => event.server.as_ref().map(|server| Cow::Borrowed(&*server.name)),
            Column::Duration => duration(event).map(|duration| figure::duration(duration, self.utf8).into()),
            Column::Sent => event.bytes_sent.map(|count| self.amount('\u{2191}', '>', count)),
            Column::Container => process.and_then(container),
            Column::Received => event.bytes_received.map(|count| self.amount('\u{2193}', '<', count)),
        };
        text.filter(|text| !text.is_empty()).unwrap_or(UNKNOWN)
    }

    /// Local time of day, to the millisecond.
    fn time(&self, event: &Event) -> String {
        let time = jiff::Timestamp::from_nanosecond(i128::from(event.time.0)).unwrap_or_default();
        self.zone.to_datetime(time).strftime("%H:%M:%S.%3f").to_string()
    }

    /// An amount with an arrow.
    fn amount(&self, arrow: char, ascii: char, count: u64) -> Cow<'static, str> {
        format!("{}{}", if self.utf8 { arrow } else { ascii }, figure::bytes(count)).into()
    }
}

fn user(process: &Process) -> Option<Cow<'_, str>> {
    let name = process.user.as_deref().map(Cow::Borrowed);
    name.or_else(|| process.uid.map(|uid| uid.to_string().into()))
}

/// Shown digits of a container's id, as in runtimes.
const SHORT_ID: usize = 12;

/// The first known one of pod, name of the container, image, and id.
pub(crate) fn container(process: &Process) -> Option<Cow<'_, str>> {
    let id = process.cgroup.as_deref()?.container.as_deref()?;
    let named = process.container();
    let pod = named.and_then(|named| named.pod.as_ref()).map(|pod| format!("{}/{}", pod.namespace, pod.name).into());
    let name = || named.and_then(|named| named.name.as_deref()).map(Cow::Borrowed);
    let image = || named.and_then(|named| named.image.as_ref()).map(|image| Cow::Borrowed(image.reference()));
    pod.or_else(name).or_else(image).or_else(|| Some(Cow::Borrowed(id.get(..SHORT_ID).unwrap_or(id))))
}

/// The duration of the connection at its end, else that of the handshake.
fn duration(event: &Event) -> Option<u64> {
    match event.name {
        EventName::ConnectionClose | EventName::ConnectionUpdate => event.connection_duration_ns,
        _ => event.connect_duration_ns.or(event.connection_duration_ns),
    }
}
