//! The merged configuration: the values of all sources. A later source has precedence.

use std::collections::BTreeMap;

use crate::diagnostics::{Problem, Warning};
use crate::options::{self, Config, DefaultValue, Entry};
use crate::raw::{Origin, RawConfig, RawValue};

/// Pairs of alternative options: a source that sets the first clears the second of earlier sources.
const ALTERNATIVES: [(&str, &str); 2] =
    [("otlp.endpoint", "otlp.traces_endpoint"), ("otlp.traces_endpoint", "otlp.endpoint")];

type Origins = BTreeMap<&'static str, Vec<Origin>>;

/// The value of every option, and where it came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MergedConfig {
    pub(crate) config: Config,
    /// By key; several where values are merged.
    pub(crate) origins: Origins,
    /// The origin of each item of a list, by key.
    item_origins: Origins,
}

impl MergedConfig {
    /// The defaults alone.
    pub(crate) fn defaults(problems: &mut Vec<Problem>) -> Self {
        let value = |entry: &Entry| match entry.default {
            DefaultValue::Text(text) => Some((entry.key, RawValue::bare(text, Origin::Default))),
            DefaultValue::Unset { .. } => None,
        };
        let mut defaults = Self::default();
        defaults.add(&options::all().filter_map(value).collect(), problems);
        defaults
    }

    /// Adds the values of a later source.
    pub(crate) fn add(&mut self, raw: &RawConfig, problems: &mut Vec<Problem>) {
        self.clear_alternatives(raw);
        for entry in options::all() {
            let Some(value) = raw.get(entry.key) else { continue };
            match entry.access.read(&mut self.config, value) {
                Ok(()) => self.record_origin(entry, value),
                Err(invalid) => problems.extend(invalid.into_iter().map(|invalid| Problem::value(entry, invalid))),
            }
        }
    }

    /// Like [`Self::add`], but ignores invalid values with a warning.
    pub(crate) fn add_leniently(&mut self, raw: &RawConfig, warnings: &mut Vec<Warning>) {
        let mut problems = Vec::new();
        self.add(raw, &mut problems);
        warnings.extend(problems.into_iter().map(Warning::Ignored));
    }

    /// The last origin of the value of `key`.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).and_then(|origins| origins.last()).cloned().unwrap_or(Origin::Default)
    }

    /// The origin of an item of the list `key`.
    pub(crate) fn item_origin(&self, key: &str, number: usize) -> Origin {
        let origins = self.item_origins.get(key);
        origins.and_then(|origins| origins.get(number)).cloned().unwrap_or_else(|| self.origin(key))
    }

    /// Copies an option's value and origins from another configuration.
    pub(crate) fn take_over(&mut self, entry: &Entry, from: &Self) {
        entry.access.copy(&from.config, &mut self.config);
        copy_origins(entry.key, &from.origins, &mut self.origins);
        copy_origins(entry.key, &from.item_origins, &mut self.item_origins);
    }

    /// Whether any source sets `key`.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.origin(key) != Origin::Default
    }

    fn record_origin(&mut self, entry: &Entry, raw: &RawValue) {
        let origins = self.origins.entry(entry.key).or_default();
        let item_origins = self.item_origins.entry(entry.key).or_default();
        if !entry.access.adds() {
            origins.clear();
            item_origins.clear();
        }
        origins.push(raw.origin.clone());
        item_origins.extend(raw.items().into_iter().flatten().map(|item| item.origin));
    }

    fn clear_alternatives(&mut self, raw: &RawConfig) {
        let empty = Config::default();
        for (set, other) in ALTERNATIVES {
            let cleared = options::all().find(|entry| entry.key == other && raw.contains_key(set));
            if let Some(entry) = cleared {
                entry.access.copy(&empty, &mut self.config);
                self.origins.remove(other);
                self.item_origins.remove(other);
            }
        }
    }
}

fn copy_origins(key: &'static str, from: &Origins, to: &mut Origins) {
    match from.get(key) {
        Some(origins) => to.insert(key, origins.clone()),
        None => to.remove(key),
    };
}
