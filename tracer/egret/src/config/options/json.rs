//! JSON lines.

use super::Fallback::Value;
use super::Reload::Sink;
use super::{Section, option};

pub(super) const SECTION: Section = Section {
    name: "json",
    about: "Events as JSON, an object a line, for programs that read logs. Off by default: it says what the Parquet log says, \
            in many times the space.",
    options: &[
        option!(json.enabled, Value("false"), Sink, "Write JSON lines."),
        option!(
            json.destination,
            Value("stdout"),
            Sink,
            "Where lines go: a file, or standard output. A file is appended to and opened again on SIGHUP, so that \
             logrotate can move it away."
        ),
        option!(
            json.updates,
            Value("false"),
            Sink,
            "Write `connection.update`, the totals of connections that are open. Without them a connection's bytes are in the \
             line of its end."
        ),
        option!(
            json.queue_events,
            Value("32768"),
            Sink,
            "Events that may wait for this sink, about 350 bytes each; what comes while it is full is dropped and counted."
        ),
    ],
};
