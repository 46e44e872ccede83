//! Options that take one of a few words, in a file and on a command line.

use egret_enforcer::Mode;
use egret_enforcer::evaluate::{BlockAction, FailurePolicy, UnattributedPolicy};
use egret_enforcer::firewall::BackendChoice;
use egret_exporters::otlp::Protocol;
use egret_model::{ArgumentsForm, Layer};

/// A type with a word for each of its values.
pub trait Choice: Copy + 'static {
    /// Words, the value of each, and what it means.
    const WORDS: &'static [(&'static str, Self, &'static str)];

    /// The value that `word` stands for.
    ///
    /// # Errors
    ///
    /// What was expected.
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
        ("full", Self::Full, "all, with the secrets that are among them"),
        ("redacted", Self::Redacted, "without passwords, tokens and texts of inline programs"),
        ("none", Self::None, "none"),
    ];
}

/// The capture layer to use; `None` takes the best that works.
impl Choice for Option<Layer> {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("auto", None, "the best that this kernel and user allow, see egret doctor"),
        ("sockets", Some(Layer::Sockets), "cgroup hooks and socket tracepoints: every path into the sockets"),
        ("syscalls", Some(Layer::Syscalls), "system calls with arguments and results; slows all system calls"),
        ("procfs", Some(Layer::Procfs), "scans of /proc: needs nothing, misses what is short-lived"),
    ];
}

/// OTLP's transports, by the names that `OTEL_EXPORTER_OTLP_PROTOCOL` has for them.
impl Choice for Protocol {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("http/protobuf", Self::Http, "protobuf over HTTP, usually port 4318"),
        ("grpc", Self::Grpc, "gRPC, usually port 4317"),
    ];
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip.
    Gzip,
}

impl Choice for Compression {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("none", Self::None, "not at all"), ("gzip", Self::Gzip, "smaller requests for more work")];
}

impl Choice for Mode {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("observe", Self::Observe, "look on: no packet is touched, the baseline grows"),
        ("learn", Self::Learn, "judge packets and let all of them through, the baseline grows"),
        ("shadow", Self::Shadow, "record what enforcing would block, and block nothing"),
        ("enforce", Self::Enforce, "block what the baseline does not allow"),
    ];
}

/// What holds while egret cannot judge.
impl Choice for FailurePolicy {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("open", Self::Open, "everything passes"), ("closed", Self::Closed, "nothing new passes")];
}

/// How connections are blocked.
impl Choice for BlockAction {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("reject", Self::Reject, "programs fail at once"), ("drop", Self::Drop, "programs wait")];
}

/// What becomes of connections whose process is not known.
impl Choice for UnattributedPolicy {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("allow", Self::Allow, "they pass"), ("block", Self::Block, "they are blocked")];
}

/// Which firewall.
impl Choice for BackendChoice {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("auto", Self::Auto, "what the kernel offers"),
        ("iptables", Self::Iptables, "iptables and ip6tables"),
        ("nftables", Self::Nftables, "nftables"),
    ];
}

/// What becomes of connections within this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// They are not judged.
    #[default]
    Skip,
    /// They are judged like others.
    Judge,
}

impl Choice for Loopback {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("skip", Self::Skip, "they are not judged"), ("judge", Self::Judge, "they are judged like others")];
}
