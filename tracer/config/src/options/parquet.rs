//! The Parquet log.

use egret_model::ArgumentsForm;

use super::section;
use crate::kind::{
    AbsolutePath, Count, Flag, HostName, Limit, OneOf, Optional, ParquetDestination, Percent, Queue, Size, Texts, Time,
};

section! {
    /// The log of connections as Parquet files, `DIR/date=YYYY-MM-DD/hour=HH/HOST-SEQ.parquet`, which `egret log` and
    /// SQL engines read. On by default, so that egret is useful without any other program.
    pub(crate) parquet: Parquet {
        /// Write the log.
        enabled: Flag = "true", Sink;

        /// A directory, or a bucket of an S3-compatible store. Credentials, region and endpoint of a bucket come from the
        /// usual `AWS_*` variables, so that this file has no secret.
        destination: ParquetDestination = "/var/lib/egret/log", Sink;

        /// The name of this host, with which file names begin. Hosts that share a bucket need different names.
        host: Optional<HostName> = unset "the name of this host", example r#""web-1""#, Sink;

        /// A file is finished, and becomes readable, after this time. If egret is killed, at most this much is lost. A longer
        /// time makes fewer and larger files.
        rotate_after: Time = "60s", Sink;

        /// A file is also finished when it has about this size.
        rotate_size: Size<{ 1 << 20 }> = "128MiB", Sink;

        /// Most rows in a row group. A row group is kept in memory until it is full. Larger ones compress better.
        row_group_rows: Count<1024, 1_048_576> = "65536", Sink;

        /// Level of zstd compression. 3 is zstd's own default. A higher level takes more CPU time and makes smaller files.
        zstd_level: Count<1, 22, i32> = "3", Sink;

        /// Files whose events are older are removed: only files that egret wrote and that have this host's name.
        keep_for: Limit<Time> = "30d", Sink;

        /// Limits what one jump of the clock can remove. A gap without data adds at most this share of `keep_for` to the age
        /// of the files before it, and the same again for each later day with data. So a wrong wall clock, or a host that
        /// was off for long, does not lose the whole log at once.
        keep_gap: Percent = "10%", Sink;

        /// While all files together are larger, the oldest are removed, so that the log cannot fill the disk.
        keep_size: Limit<Size<{ 1 << 20 }>> = "10GiB", Sink;

        /// The directory where files wait to be uploaded to a bucket. Files in it are kept over a restart. A directory as
        /// destination does not use it.
        spool: AbsolutePath = "/var/lib/egret/spool", Sink;

        /// A file is dropped and counted when its upload has failed for this time. The time begins again with a restart.
        spool_keep_for: Time = "7d", Sink;

        /// While all waiting files together are larger, the oldest are dropped and counted.
        spool_size: Size<{ 1 << 20 }> = "1GiB", Sink;

        /// Capacity of this sink's queue in events, about 350 bytes each. While it is full, events are dropped and counted.
        queue_events: Queue = "32768", Sink;

        /// The form of command-line arguments in the log: `full`, `redacted` (passwords, tokens and inline program texts are
        /// replaced by `…`) or `none`. Everybody who can read the directory can read them. The script of an interpreter is
        /// always recorded.
        arguments: OneOf<ArgumentsForm> = "redacted", Sink;

        /// Further parts of names whose values are redacted, in options (`--badge-no 7`), variables and fields. Built in are
        /// `password`, `secret`, `token` and others.
        secret_names: Texts = unset "none", example r#"["badge"]"#, Sink;
    }
}
