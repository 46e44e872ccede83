//! JSON lines.

use egret_model::ArgumentsForm;

use super::section;
use crate::kind::{Flag, JsonDestination, OneOf, Queue, Texts};

section! {
    /// Events as JSON, an object a line, for programs that read logs. Off by default: it says what the Parquet log
    /// says, in many times the space.
    pub(crate) json: Json {
        /// Write JSON lines.
        enabled: Flag = "false", Sink;

        /// Where lines go: a file, or standard output. A file is appended to and opened again on SIGHUP, so that
        /// logrotate can move it away.
        destination: JsonDestination = "stdout", Sink;

        /// Write `connection.update`, the totals of connections that are open. Without them a connection's bytes are
        /// all in the line of its end, which has no deltas then.
        updates: Flag = "false", Sink;

        /// Events that may wait for this sink, about 350 bytes each; what comes while it is full is dropped and
        /// counted.
        queue_events: Queue = "32768", Sink;

        /// Which arguments of programs lines have: `full`, `redacted` (passwords, tokens and the texts of inline
        /// programs are replaced by `…`) or `none`.
        arguments: OneOf<ArgumentsForm> = "redacted", Sink;

        /// Parts of names whose values are secrets too, of options (`--badge-no 7`), variables and fields, besides
        /// those that are always looked for (`password`, `secret`, `token`, ...).
        secret_names: Texts = unset "none", example r#"["badge"]"#, Sink;
    }
}
