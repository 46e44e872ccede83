//! Who: the part of a rule that names processes.

use std::fmt;

use super::facts::Facts;
use super::value::Value;

/// Processes, by what is given; what is not given may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// Path of the executable.
    pub executable: Option<Value>,
    /// Which files paths name: `host`, `private` or `memory`, see [`Facts::file`]. Where it is absent, paths name files of the host; of
    /// a container where one is asked for.
    pub file: Option<Value>,
    /// What an interpreter runs, as [`egret_model::Script`] has it.
    pub script: Option<Value>,
    /// SHA-256 of the executable, lower-case hexadecimal.
    pub sha256: Option<Value>,
    /// Name of the effective user, or the number of one without a name.
    pub user: Option<Value>,
    /// systemd unit.
    pub unit: Option<Value>,
    /// Full container id.
    pub container: Option<Value>,
    /// Path of the executable of the parent process.
    pub parent: Option<Value>,
}

/// The files that paths name unless it is said otherwise.
const HOST: &str = "host";

/// The keys that lines have, in their order.
pub(super) const KEYS: [&str; 8] = ["exe", "file", "script", "sha256", "user", "unit", "container", "parent"];

impl Subject {
    /// The values in the order of [`KEYS`].
    fn values(&self) -> [&Option<Value>; 8] {
        [
            &self.executable,
            &self.file,
            &self.script,
            &self.sha256,
            &self.user,
            &self.unit,
            &self.container,
            &self.parent,
        ]
    }

    /// The place of the value with this key.
    pub(super) fn value_mut(&mut self, key: &str) -> Option<&mut Option<Value>> {
        Some(match key {
            "exe" => &mut self.executable,
            "file" => &mut self.file,
            "script" => &mut self.script,
            "sha256" => &mut self.sha256,
            "user" => &mut self.user,
            "unit" => &mut self.unit,
            "container" => &mut self.container,
            "parent" => &mut self.parent,
            _ => return None,
        })
    }

    /// Whether a process is one of those meant. What is asked for and not known of the process is not given.
    #[must_use]
    pub fn covers(&self, facts: &Facts<'_>) -> bool {
        let known = [
            facts.executable,
            Some(facts.file.unwrap_or(HOST)),
            facts.script,
            facts.sha256,
            facts.user.as_deref(),
            facts.unit,
            facts.container,
            facts.parent,
        ];
        let is_given = |(asked, known): (&Option<Value>, Option<&str>)| match asked {
            Some(asked) => known.is_some_and(|known| asked.matches(known)),
            None => true,
        };
        self.values().into_iter().zip(known).all(is_given) && (facts.file.is_none() || self.takes_any_file())
    }

    /// Whether these processes are all among others: whatever the others are asked for, these are too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let is_asked = |(asked, ours): (&Option<Value>, &Option<Value>)| match (asked, ours) {
            (Some(asked), Some(ours)) => asked.includes(ours),
            (asked, _) => asked.is_none(),
        };
        let files = other.takes_any_file() || (self.names_files() && !self.takes_any_file());
        other.values().into_iter().zip(self.values()).all(is_asked) && files
    }

    fn names_files(&self) -> bool {
        self.executable.is_some() || self.script.is_some()
    }

    /// Whether a process that runs no file of the host may be one of those meant: it is said which, or no path is asked for.
    fn takes_any_file(&self) -> bool {
        self.file.is_some() || self.container.is_some() || !self.names_files()
    }

    /// How many things are asked for.
    #[must_use]
    pub fn given(&self) -> usize {
        self.values().into_iter().flatten().count()
    }
}

/// As lines have it: `exe=/usr/bin/curl user=alice`, `*` for anybody.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (key, value) in KEYS.into_iter().zip(self.values()) {
            if let Some(value) = value {
                write!(f, "{separator}{key}={value}")?;
                separator = " ";
            }
        }
        if separator.is_empty() { f.write_str("*") } else { Ok(()) }
    }
}
