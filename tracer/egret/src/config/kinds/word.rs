//! Options that take one of a few words: any [`Choice`].

use egret_enforcer::Mode;
use egret_model::ArgumentsForm;

use crate::args::{Capture, Choice};
use crate::config::given::{Fault, Given};
use crate::config::slot::Setting;
use crate::config::toml_text::quoted;

/// OTLP's transports, by the names that `OTEL_EXPORTER_OTLP_PROTOCOL` has for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) enum Protocol {
    #[default]
    Http,
    Grpc,
}

impl Choice for Protocol {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("http/protobuf", Self::Http, "protobuf over HTTP, usually port 4318"),
        ("grpc", Self::Grpc, "gRPC, usually port 4317"),
    ];
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) enum Compression {
    #[default]
    None,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Everything passes.
    #[default]
    Open,
    /// Nothing new passes.
    Closed,
}

impl Choice for OnFailure {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("open", Self::Open, "everything passes"), ("closed", Self::Closed, "nothing new passes")];
}

/// How connections are blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// The program is told at once.
    #[default]
    Reject,
    /// The packet vanishes.
    Drop,
}

impl Choice for Action {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("reject", Self::Reject, "programs fail at once"), ("drop", Self::Drop, "programs wait")];
}

/// What becomes of connections whose process is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unattributed {
    /// They pass.
    Allow,
    /// They are blocked.
    #[default]
    Block,
}

impl Choice for Unattributed {
    const WORDS: &'static [(&'static str, Self, &'static str)] =
        &[("allow", Self::Allow, "they pass"), ("block", Self::Block, "they are blocked")];
}

/// Which firewall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// What the kernel offers.
    #[default]
    Auto,
    /// iptables and ip6tables.
    Iptables,
    /// nftables.
    Nftables,
}

impl Choice for Backend {
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

/// A choice whose words are those of an option.
trait Words: Choice + PartialEq {}
impl Words for ArgumentsForm {}
impl Words for Capture {}
impl Words for Protocol {}
impl Words for Compression {}
impl Words for Mode {}
impl Words for OnFailure {}
impl Words for Action {}
impl Words for Unattributed {}
impl Words for Backend {}
impl Words for Loopback {}

impl<W: Words> Setting for W {
    fn expected() -> String {
        let words: Vec<_> = W::WORDS.iter().map(|(word, ..)| quoted(word)).collect();
        format!("one of {}", words.join(", "))
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        given.read(&Self::expected(), |text| W::from_word(text).map_err(|_| format!("expected {}", Self::expected())))
    }

    fn show(&self) -> Option<String> {
        W::WORDS.iter().find(|(_, value, _)| value == self).map(|(word, ..)| quoted(word))
    }
}
