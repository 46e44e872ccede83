//! Values from one place (the defaults, a file, the environment), and how places add up: later ones win.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::given::{Given, Origin};
use super::options::{self, Fallback};
use super::problem::{Problem, Warning};

/// Values by key. All are keys of options.
pub(super) type Layer = BTreeMap<&'static str, Given>;

/// Options of which one stands for the other: who sets one of them means it, whatever the other was before.
const ALTERNATIVES: [(&str, &str); 2] =
    [("otlp.endpoint", "otlp.traces_endpoint"), ("otlp.traces_endpoint", "otlp.endpoint")];

/// What holds so far, and who said so.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layered {
    pub(super) draft: Draft,
    /// By key; several where values add up.
    pub(super) origins: BTreeMap<&'static str, Vec<Origin>>,
}

/// What nobody needs to say.
pub(super) fn defaults() -> Layer {
    let value = |entry: &options::Entry| match entry.default {
        Fallback::Value(text) => Some((entry.key, Given::bare(text, Origin::Default))),
        Fallback::Unset { .. } => None,
    };
    options::all().filter_map(value).collect()
}

impl Layered {
    /// Puts `layer` on top.
    pub(super) fn add(&mut self, layer: &Layer, problems: &mut Vec<Problem>) {
        self.forget_alternatives(layer);
        for entry in options::all() {
            let Some(given) = layer.get(entry.key) else { continue };
            match entry.slot.read(&mut self.draft, given) {
                Ok(()) => self.note(entry, given.origin.clone()),
                Err(faults) => problems.extend(faults.into_iter().map(|fault| Problem::value(entry, fault))),
            }
        }
    }

    /// Like [`Self::add`], but what is wrong is left out, with a warning.
    pub(super) fn add_leniently(&mut self, layer: &Layer, warnings: &mut Vec<Warning>) {
        let mut problems = Vec::new();
        self.add(layer, &mut problems);
        warnings.extend(problems.into_iter().map(Warning::Ignored));
    }

    /// Who said what `key` is.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).and_then(|origins| origins.last()).cloned().unwrap_or(Origin::Default)
    }

    /// Whether anybody said what `key` is.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.origin(key) != Origin::Default
    }

    fn note(&mut self, entry: &options::Entry, origin: Origin) {
        let origins = self.origins.entry(entry.key).or_default();
        if !entry.slot.adds() {
            origins.clear();
        }
        origins.push(origin);
    }

    fn forget_alternatives(&mut self, layer: &Layer) {
        let nothing = Draft::default();
        for (set, other) in ALTERNATIVES {
            let forgotten = options::all().find(|entry| entry.key == other && layer.contains_key(set));
            if let Some(entry) = forgotten {
                entry.slot.copy(&nothing, &mut self.draft);
                self.origins.remove(other);
            }
        }
    }
}
