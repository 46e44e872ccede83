//! Everything that can be configured, in one list. What is read, what is refused, what the reference and the example say,
//! and what `egret config show` prints is all made from it.

mod capture;
mod enforce;
mod json;
mod metrics;
mod names;
mod otlp;
mod parquet;
mod service;

use super::slot::Slot;

/// A section of the file.
pub(super) struct Section {
    pub(super) name: &'static str,
    /// Markdown, a paragraph; the example has it as a comment.
    pub(super) about: &'static str,
    pub(super) options: &'static [Entry],
}

/// An option.
pub(super) struct Entry {
    /// Section and key, as `parquet.rotate_after`.
    pub(super) key: &'static str,
    pub(super) default: Fallback,
    /// What is done with a new value while egret runs.
    pub(super) reload: Reload,
    /// Markdown: what it means, and why the default is what it is.
    pub(super) about: &'static str,
    pub(super) slot: &'static dyn Slot,
}

/// What holds if nobody sets an option.
#[derive(Clone, Copy)]
pub(super) enum Fallback {
    /// This value, written as in a variable.
    Value(&'static str),
    /// No value.
    Unset {
        /// What that means.
        means: &'static str,
        /// A value that it could have, as TOML.
        example: &'static str,
    },
}

/// What is done with the new value of an option when the configuration is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// It holds at once.
    Live,
    /// The sink that it belongs to is drained and started anew.
    Sink,
    /// It waits for a restart.
    Restart,
}

/// All sections, in the order of the reference.
pub(in crate::config) static SECTIONS: [Section; 13] = [
    capture::SECTION,
    names::SECTION,
    parquet::SECTION,
    otlp::SECTION,
    metrics::SECTION,
    json::SECTION,
    enforce::BASELINE,
    enforce::ENFORCE,
    enforce::FALLBACK,
    enforce::ASK,
    service::CONTROL,
    service::LOG,
    service::SHUTDOWN,
];

/// All options, in the same order.
pub(super) fn all() -> impl Iterator<Item = &'static Entry> {
    SECTIONS.iter().flat_map(|section| section.options)
}

impl Entry {
    /// The key without its section.
    pub(super) fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("EGRET_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
}

/// An entry whose key is the path of its field in the draft.
macro_rules! option {
    ($section:ident . $name:ident, $default:expr, $reload:expr, $about:expr) => {
        $crate::config::options::Entry {
            key: concat!(stringify!($section), ".", stringify!($name)),
            default: $default,
            reload: $reload,
            about: $about,
            slot: &$crate::config::slot::Field {
                get: |draft| &draft.$section.$name,
                get_mut: |draft| &mut draft.$section.$name,
            },
        }
    };
}
use option;
