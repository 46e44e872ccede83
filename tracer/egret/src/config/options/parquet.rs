//! The Parquet log.

use super::Fallback::{Unset, Value};
use super::Reload::Sink;
use super::{Section, option};

pub(super) const SECTION: Section = Section {
    name: "parquet",
    about: "The log of connections as Parquet files, `DIR/date=YYYY-MM-DD/hour=HH/HOST-SEQ.parquet`, which `egret log` and \
            SQL engines read. On by default: it is what makes egret useful without any other program.",
    options: &[
        option!(parquet.enabled, Value("true"), Sink, "Write the log."),
        option!(
            parquet.destination,
            Value("/var/lib/egret/log"),
            Sink,
            "Where files go: a directory, or a bucket of an S3-compatible store. For a bucket, credentials, region and \
             endpoint are taken from the usual `AWS_*` variables, so that no secret stands in this file."
        ),
        option!(
            parquet.host,
            Unset { means: "the name of this host", example: "\"web-1\"" },
            Sink,
            "This host's name, with which the names of files begin. Hosts that share a bucket need different ones."
        ),
        option!(
            parquet.rotate_after,
            Value("60s"),
            Sink,
            "A file is finished, and can be read, after this time. It is what is lost at most when egret is killed. Longer \
             makes fewer and larger files."
        ),
        option!(
            parquet.rotate_size,
            Value("128MiB"),
            Sink,
            "A file is finished when it is about this large, whatever its age."
        ),
        option!(
            parquet.row_group_rows,
            Value("65536"),
            Sink,
            "Rows in a row group at most. A row group is kept in memory until it is full; larger ones compress better."
        ),
        option!(
            parquet.zstd_level,
            Value("3"),
            Sink,
            "Level of zstd compression; 3 is zstd's own default. Higher ones take more processor time for smaller files."
        ),
        option!(
            parquet.keep_for,
            Value("30d"),
            Sink,
            "Files whose events are older are removed. Only files named after this host, and only those that egret wrote."
        ),
        option!(
            parquet.keep_gap,
            Value("10%"),
            Sink,
            "A time without data counts for the age of what is before it as this share of keep_for at most, and as much again \
             for each day with data after it: a wall clock that is wrong, or a host that was off for long, loses no more of its \
             log at once."
        ),
        option!(
            parquet.keep_size,
            Value("10GiB"),
            Sink,
            "The oldest files are removed while all together are larger, so that the log cannot fill a disk."
        ),
        option!(
            parquet.spool,
            Value("/var/lib/egret/spool"),
            Sink,
            "Where files for a bucket wait until it has them; a directory as destination needs none. They outlast the end of \
             egret, and the next start goes on with them."
        ),
        option!(
            parquet.spool_keep_for,
            Value("7d"),
            Sink,
            "A file is dropped, and counted, after this time of failed uploads. A restart begins the time anew."
        ),
        option!(
            parquet.spool_size,
            Value("1GiB"),
            Sink,
            "The oldest files are dropped, and counted, while all that wait are together larger."
        ),
        option!(
            parquet.queue_events,
            Value("32768"),
            Sink,
            "Events that may wait for this sink, about 350 bytes each; what comes while it is full is dropped and counted."
        ),
        option!(
            parquet.arguments,
            Value("redacted"),
            Sink,
            "Which arguments of programs are in the log, which everybody may read whom its directory lets in: `full`, `redacted` \
             (passwords, tokens and the texts of inline programs are replaced by `…`) or `none`. What an interpreter runs is \
             recorded all the same."
        ),
        option!(
            parquet.secret_names,
            Unset { means: "none", example: "[\"badge\"]" },
            Sink,
            "Parts of names whose values are secrets too, of options (`--badge-no 7`), variables and fields, besides those that \
             are always looked for (`password`, `secret`, `token`, ...)."
        ),
    ],
};
