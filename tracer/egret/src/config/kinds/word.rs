//! Options that take one of a few words: any [`Choice`].

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

/// A choice whose words are those of an option.
trait Words: Choice + PartialEq {}
impl Words for Capture {}
impl Words for Protocol {}
impl Words for Compression {}

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
