//! egret's own environment variables: `EGRET_<SECTION>_<KEY>` for every option.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::nearest;
use crate::diagnostics::{Problem, Warning};
use crate::options::{self, Entry, SECTIONS};
use crate::raw::{Origin, RawConfig, RawValue};

const PREFIX: &str = "EGRET_";

/// The filter of messages for every command of egret, and the option that it sets.
const LOG: (&str, &str) = ("EGRET_LOG", "log.filter");

/// Variables of the build and of the tests, which are not options.
const OTHERS: [&str; 7] = [
    "EGRET_BIN",
    "EGRET_BLESS",
    "EGRET_BPF_OBJECT",
    "EGRET_BPF_TOOLCHAIN",
    "EGRET_PYTHON",
    "EGRET_TEST_FULL",
    "EGRET_TRAFFIC",
];

/// The environment. An empty variable counts as not set, as in OpenTelemetry's specification.
#[derive(Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    pub(crate) fn new(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let set = variables.filter(|(_, value)| !value.is_empty());
        Self(set.filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect())
    }

    pub(crate) fn get(&self, name: &str, problems: &mut Vec<Problem>) -> Option<&str> {
        let value = self.0.get(name)?;
        if value.to_str().is_none() {
            problems.push(Problem::NotText(name.to_owned()));
        }
        value.to_str()
    }

    /// The raw configuration of egret's own variables.
    pub(crate) fn raw(&self, problems: &mut Vec<Problem>) -> RawConfig {
        let named = options::all().map(|entry| (entry.variable(), entry.key));
        let all = std::iter::once((LOG.0.to_owned(), LOG.1)).chain(named);
        let value = |(name, key): (String, &'static str)| {
            let text = self.get(&name, problems)?;
            Some((key, RawValue::bare(text, Origin::Variable(name))))
        };
        all.filter_map(value).collect()
    }

    /// Warnings about unknown variables that look like egret's.
    pub(crate) fn unknown_variables(&self) -> impl Iterator<Item = Warning> {
        let known: Vec<_> = options::all().map(Entry::variable).collect();
        self.0.keys().filter_map(move |name| unknown_variable(name, &known))
    }
}

fn unknown_variable(name: &str, known: &[String]) -> Option<Warning> {
    let rest = name.strip_prefix(PREFIX)?;
    if name == LOG.0 || OTHERS.contains(&name) || known.iter().any(|variable| variable == name) {
        return None;
    }
    let section = rest.split('_').next().unwrap_or(rest);
    let in_section = SECTIONS.iter().any(|known| known.name.eq_ignore_ascii_case(section));
    let suggestion = nearest(name, known).cloned();
    (in_section || suggestion.is_some()).then(|| Warning::Variable { name: name.to_owned(), suggestion })
}
