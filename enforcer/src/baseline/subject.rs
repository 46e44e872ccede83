//! Who: the part of a rule that names processes.

use std::fmt;
use std::sync::Arc;

use super::facts::Facts;
use super::word::quoted;

/// Processes, by what is given; what is not given may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// Path of the executable.
    pub executable: Option<Arc<str>>,
    /// What an interpreter runs, as [`egret_model::Script`] has it.
    pub script: Option<Arc<str>>,
    /// SHA-256 of the executable, lower-case hexadecimal.
    pub sha256: Option<Arc<str>>,
    /// Name of the effective user, or the number of one without a name.
    pub user: Option<Arc<str>>,
    /// systemd unit.
    pub unit: Option<Arc<str>>,
    /// Full container id.
    pub container: Option<Arc<str>>,
    /// Path of the executable of the parent process.
    pub parent: Option<Arc<str>>,
}

/// The keys that lines have, in their order.
pub(super) const KEYS: [&str; 7] = ["exe", "script", "sha256", "user", "unit", "container", "parent"];

impl Subject {
    /// The values in the order of [`KEYS`].
    fn values(&self) -> [&Option<Arc<str>>; 7] {
        [&self.executable, &self.script, &self.sha256, &self.user, &self.unit, &self.container, &self.parent]
    }

    /// The place of the value with this key.
    pub(super) fn value_mut(&mut self, key: &str) -> Option<&mut Option<Arc<str>>> {
        Some(match key {
            "exe" => &mut self.executable,
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
            facts.script,
            facts.sha256,
            facts.user.as_deref(),
            facts.unit,
            facts.container,
            facts.parent,
        ];
        self.values().into_iter().zip(known).all(|(asked, known)| asked.is_none() || asked.as_deref() == known)
    }

    /// Whether these processes are all among others: whatever the others are asked for, these are too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        other.values().into_iter().zip(self.values()).all(|(asked, ours)| asked.is_none() || asked == ours)
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
                write!(f, "{separator}{key}={}", quoted(value))?;
                separator = " ";
            }
        }
        if separator.is_empty() { f.write_str("*") } else { Ok(()) }
    }
}
