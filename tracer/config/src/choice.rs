//! Options whose value is one of a few words, in the file and on the command line.

use egret_enforcer::Mode;
use egret_enforcer::evaluate::{BlockAction, FailurePolicy, UnattributedPolicy};
use egret_enforcer::firewall::BackendChoice;
use egret_exporters::otlp::Protocol;
use egret_model::{ArgumentsForm, Layer};

/// A type with a word for each of its values.
pub trait Choice: Copy + 'static {
    /// Each word with its value and its description.
    const WORDS: &'static [(&'static str, Self, &'static str)];

    /// The value that `word` stands for.
    ///
    /// # Errors
    ///
    /// The words that are expected.
    fn from_word(word: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(known, ..)| *known == word);
        found.map(|(_, value, _)| *value).ok_or_else(|| {
            let words: Vec<_> = Self::WORDS.iter().map(|(known, ..)| *known).collect();
            format!("expected one of: {}", words.join(", "))
        })
    }
}

impl Choice for ArgumentsForm {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("full", Self::Full, "all arguments, including secrets"),
        ("redacted", Self::Redacted, "passwords, tokens and inline program texts are replaced"),
        ("none", Self::None, "no arguments"),
    ];
}

/// The capture layer to use; `None` takes the best that works.
impl Choice for Option<Layer> {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("auto", None, "the best layer that this kernel and user allow, see egret doctor"),
        ("sockets", Some(Layer::Sockets), "cgroup hooks and socket tracepoints: see every kind of socket call"),
        (
            "syscalls",
            Some(Layer::Syscalls),
            "tracepoints of system calls with arguments and results: slow down all system calls",
        ),
        ("procfs", Some(Layer::Procfs), "scans of /proc: need no privilege, miss short-lived connections"),
    ];
}

/// The words are those of `OTEL_EXPORTER_OTLP_PROTOCOL`.
impl Choice for Protocol {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("http/protobuf", Self::Http, "protobuf over HTTP, usually port 4318"),
        ("grpc", Self::Grpc, "gRPC, usually port 4317"),
    ];
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    #[default]
    None,
    Gzip,
}

impl Choice for Compression {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("none", Self::None, "no compression"), ("gzip", Self::Gzip, "smaller requests, more CPU time")];
}

impl Choice for Mode {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("observe", Self::Observe, "record only: no packet is touched, the baseline grows"),
        ("learn", Self::Learn, "judge packets but let all of them through, the baseline grows"),
        ("shadow", Self::Shadow, "record what enforce would block, block nothing"),
        ("enforce", Self::Enforce, "block what the baseline does not allow"),
    ];
}

/// What happens while egret cannot judge packets.
impl Choice for FailurePolicy {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("open", Self::Open, "all connections pass"), ("closed", Self::Closed, "no new connection passes")];
}

impl Choice for BlockAction {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("reject", Self::Reject, "programs fail at once"), ("drop", Self::Drop, "programs wait for a time-out")];
}

/// What happens to connections whose process is unknown.
impl Choice for UnattributedPolicy {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("allow", Self::Allow, "they pass"), ("block", Self::Block, "they are blocked")];
}

impl Choice for BackendChoice {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("auto", Self::Auto, "what the kernel supports"),
        ("iptables", Self::Iptables, "iptables and ip6tables"),
        ("nftables", Self::Nftables, "nftables"),
    ];
}

/// What happens to loopback connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    #[default]
    Skip,
    Judge,
}

impl Choice for Loopback {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("skip", Self::Skip, "they are not judged"), ("judge", Self::Judge, "they are judged like others")];
}
