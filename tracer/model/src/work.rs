//! The names of spans about egret's own work (`otlp.own_spans`, described in docs/otlp.md).

/// The `tracing` target of these spans. Other targets are not exported, because messages about exports would be exported in turn.
pub const TARGET: &str = "egret::work";

/// Start of egret, until it is ready.
pub const START: &str = "start";
pub const READ_CONFIGURATION: &str = "configuration.read";
/// A capture layer is chosen and starts.
pub const START_CAPTURE: &str = "capture.start";
/// The programs and maps of a layer are made in the kernel.
pub const LOAD_PROGRAMS: &str = "capture.load";
/// The programs are verified and attached.
pub const ATTACH_PROGRAMS: &str = "capture.attach";
/// The configuration is read again, and taken over.
pub const RELOAD: &str = "reload";
pub const START_SINK: &str = "sink.start";
/// A sink gives way to one with other settings.
pub const REPLACE_SINK: &str = "sink.replace";
/// A sink sends what it has, and ends.
pub const END_SINK: &str = "sink.end";
/// A Parquet file is finished.
pub const FINISH_FILE: &str = "parquet.finish";
/// Old Parquet files are looked for and removed.
pub const RETENTION: &str = "parquet.retention";
/// egret stops: what is captured and queued goes to the sinks.
pub const DRAIN: &str = "drain";
