//! The JSON log.

use egret_model::ArgumentsForm;

use super::section;
use crate::kind::{Flag, JsonDestination, OneOf, Queue, Texts};

section! {
    /// Events as JSON, one object a line, for programs that read logs. Off by default, because the Parquet log has the same
    /// content in a fraction of the space.
    pub(crate) json: Json {
        /// Write JSON lines.
        enabled: Flag = "false", Sink;

        /// A file, or `stdout`. egret appends to the file and opens it again on SIGHUP, as logrotate needs it.
        destination: JsonDestination = "stdout", Sink;

        /// Write `connection.update` events with the totals of open connections. Without them all bytes of a connection
        /// are in its last event, without deltas.
        updates: Flag = "false", Sink;

        /// Capacity of this sink's queue in events, about 350 bytes each. While it is full, events are dropped and counted.
        queue_events: Queue = "32768", Sink;

        /// The form of command-line arguments: `full`, `redacted` (passwords, tokens and inline program texts are replaced
        /// by `…`) or `none`.
        arguments: OneOf<ArgumentsForm> = "redacted", Sink;

        /// Further parts of names whose values are redacted, in options (`--badge-no 7`), variables and fields. Built in are
        /// `password`, `secret`, `token` and others.
        secret_names: Texts = unset "none", example r#"["badge"]"#, Sink;
    }
}
