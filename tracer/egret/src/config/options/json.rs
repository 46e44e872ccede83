//! JSON lines.

use super::Fallback::{Unset, Value};
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
            json.queue_events,
            Value("32768"),
            Sink,
            "Events that may wait for this sink, about 350 bytes each; what comes while it is full is dropped and counted."
        ),
        option!(
            json.arguments,
            Value("redacted"),
            Sink,
            "Which arguments of programs lines have: `full`, `redacted` (passwords, tokens and the texts of inline programs \
             are replaced by `…`) or `none`."
        ),
        option!(
            json.secret_names,
            Unset { means: "none", example: "[\"badge\"]" },
            Sink,
            "Parts of names whose values are secrets too, of options (`--badge-no 7`), variables and fields, besides those that \
             are always looked for (`password`, `secret`, `token`, ...)."
        ),
    ],
};
