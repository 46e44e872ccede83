//! The Parquet log.

use egret_model::ArgumentsForm;

use super::section;
use crate::kind::{
    AbsolutePath, Count, Flag, HostName, Limit, OneOf, Optional, ParquetDestination, Percent, Queue, Size, Texts, Time,
};

section! {
    /// The log of connections as Parquet files, `DIR/date=YYYY-MM-DD/hour=HH/HOST-SEQ.parquet`, which `egret log` and
    /// SQL engines read. On by default: it is what makes egret useful without any other program.
    pub(crate) parquet: Parquet {
        /// Write the log.
        enabled: Flag = "true", Sink;

        /// Where files go: a directory, or a bucket of an S3-compatible store. For a bucket, credentials, region and
        /// endpoint are taken from the usual `AWS_*` variables, so that no secret stands in this file.
        destination: ParquetDestination = "/var/lib/egret/log", Sink;

        /// This host's name, with which the names of files begin. Hosts that share a bucket need different ones.
        host: Optional<HostName> = unset "the name of this host", example r#""web-1""#, Sink;

        /// A file is finished, and can be read, after this time. It is what is lost at most when egret is killed.
        /// Longer makes fewer and larger files.
        rotate_after: Time = "60s", Sink;

        /// A file is finished when it is about this large, whatever its age.
        rotate_size: Size<{ 1 << 20 }> = "128MiB", Sink;

        /// Rows in a row group at most. A row group is kept in memory until it is full; larger ones compress better.
        row_group_rows: Count<1024, 1_048_576> = "65536", Sink;

        /// Level of zstd compression; 3 is zstd's own default. Higher ones take more processor time for smaller files.
        zstd_level: Count<1, 22, i32> = "3", Sink;

        /// Files whose events are older are removed. Only files named after this host, and only those that egret wrote.
        keep_for: Limit<Time> = "30d", Sink;

        /// A time without data counts for the age of what is before it as this share of keep_for at most, and as much
        /// again for each day with data after it: a wall clock that is wrong, or a host that was off for long, loses no
        /// more of its log at once.
        keep_gap: Percent = "10%", Sink;

        /// The oldest files are removed while all together are larger, so that the log cannot fill a disk.
        keep_size: Limit<Size<{ 1 << 20 }>> = "10GiB", Sink;

        /// Where files for a bucket wait until it has them; a directory as destination needs none. They outlast the end
        /// of egret, and the next start goes on with them.
        spool: AbsolutePath = "/var/lib/egret/spool", Sink;

        /// A file is dropped, and counted, after this time of failed uploads. A restart begins the time anew.
        spool_keep_for: Time = "7d", Sink;

        /// The oldest files are dropped, and counted, while all that wait are together larger.
        spool_size: Size<{ 1 << 20 }> = "1GiB", Sink;

        /// Events that may wait for this sink, about 350 bytes each; what comes while it is full is dropped and
        /// counted.
        queue_events: Queue = "32768", Sink;

        /// Which arguments of programs are in the log, which everybody may read whom its directory lets in: `full`,
        /// `redacted` (passwords, tokens and the texts of inline programs are replaced by `…`) or `none`. What an
        /// interpreter runs is recorded all the same.
        arguments: OneOf<ArgumentsForm> = "redacted", Sink;

        /// Parts of names whose values are secrets too, of options (`--badge-no 7`), variables and fields, besides
        /// those that are always looked for (`password`, `secret`, `token`, ...).
        secret_names: Texts = unset "none", example r#"["badge"]"#, Sink;
    }
}
