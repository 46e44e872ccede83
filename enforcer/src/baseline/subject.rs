//! Who: the part of a rule that names processes.

use std::fmt;

use super::facts::{Facts, KERNEL, MEMORY};
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
    /// Image of the container: name and tag.
    pub image: Option<Value>,
    /// `NAMESPACE/WORKLOAD` of the pod.
    pub pod: Option<Value>,
    /// Path of the executable of the parent process.
    pub parent: Option<Value>,
}

/// The files that paths name unless it is said otherwise.
pub(super) const HOST: &str = "host";

/// The keys that lines have, in their order.
pub(super) const KEYS: [&str; 10] =
    ["exe", "file", "script", "sha256", "user", "unit", "container", "image", "pod", "parent"];

impl Subject {
    /// The values in the order of [`KEYS`].
    fn values(&self) -> [&Option<Value>; 10] {
        [
            &self.executable,
            &self.file,
            &self.script,
            &self.sha256,
            &self.user,
            &self.unit,
            &self.container,
            &self.image,
            &self.pod,
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
            "image" => &mut self.image,
            "pod" => &mut self.pod,
            "parent" => &mut self.parent,
            _ => return None,
        })
    }

    /// Whether a process is one of those meant. What is asked for and not known of the process is not given, nor is what a user
    /// could name, unless the user is asked for as well.
    #[must_use]
    pub fn covers<'a>(&self, facts: &'a Facts<'_>) -> bool {
        let is_user_s = |is_user_s: bool| is_user_s && self.user.is_none();
        let in_container = |known: Option<&'a str>| known.filter(|_| !is_user_s(facts.is_rootless));
        let known = [
            facts.executable,
            Some(facts.file.unwrap_or(HOST)),
            facts.script,
            facts.sha256,
            facts.user.as_deref(),
            facts.unit.filter(|_| !is_user_s(facts.is_user_unit)),
            in_container(facts.container),
            in_container(facts.image),
            in_container(facts.pod),
            facts.parent,
        ];
        let is_given = |(asked, known): (&Option<Value>, Option<&str>)| match asked {
            Some(asked) => known.is_some_and(|known| asked.matches(known)),
            None => true,
        };
        self.values().into_iter().zip(known).all(is_given) && self.takes(facts.file)
    }

    /// Whether these processes are all among others: whatever the others are asked for, these are too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        // With a user, what that user could name is among these.
        let takes_more = other.user.is_none() && self.user.is_some() && other.names_place();
        !takes_more && self.is_about(other)
    }

    /// Whether whatever the others are asked for, these are asked for too, whoever could name that.
    #[must_use]
    pub fn is_about(&self, other: &Self) -> bool {
        let is_asked = |(asked, ours): (&Option<Value>, &Option<Value>)| match (asked, ours) {
            (Some(asked), Some(ours)) => asked.includes(ours),
            (asked, _) => asked.is_none(),
        };
        let files = other.takes_any_file() || (self.names_files() && !self.takes_any_file());
        let in_memory = self.file.as_ref().is_some_and(|file| file.matches(MEMORY));
        other.values().into_iter().zip(self.values()).all(is_asked) && files && (!in_memory || other.takes_memory())
    }

    /// Whether it is the kernel itself that is meant, and nothing else is asked for.
    fn is_kernel(&self) -> bool {
        self.given() == 1 && self.executable.as_ref().is_some_and(|value| *value == Value::from(KERNEL))
    }

    fn names_files(&self) -> bool {
        self.executable.is_some() || self.script.is_some()
    }

    /// Whether a process that runs no file of the host may be one of those meant: it is said which, or no path is asked for.
    fn takes_any_file(&self) -> bool {
        self.file.is_some() || self.names_container() || !self.names_files()
    }

    /// Whether a process that runs such a file may be one of those meant.
    fn takes(&self, file: Option<&str>) -> bool {
        match file {
            None => true,
            Some(MEMORY) => self.takes_memory(),
            Some(_) => self.takes_any_file(),
        }
    }

    /// Whether a process that runs a file in memory may be one of those meant. Such a file has no path, in containers either: the
    /// name that it has anybody may give it.
    fn takes_memory(&self) -> bool {
        self.file.is_some() || !self.names_files()
    }

    /// Whether a container is asked for: paths are then those in it.
    #[must_use]
    pub const fn names_container(&self) -> bool {
        self.container.is_some() || self.image.is_some() || self.pod.is_some()
    }

    /// Whether something is asked for that the place in the hierarchy of control groups says.
    const fn names_place(&self) -> bool {
        self.unit.is_some() || self.names_container()
    }

    /// How many things are asked for.
    #[must_use]
    pub fn given(&self) -> usize {
        self.values().into_iter().flatten().count()
    }
}

/// As lines have it: `exe=/usr/bin/curl user=alice`, `kernel`, `*` for anybody.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if self.is_kernel() {
            return f.write_str(KERNEL);
        }
        for (key, value) in KEYS.into_iter().zip(self.values()) {
            if let Some(value) = value {
                write!(f, "{separator}{key}={value}")?;
                separator = " ";
            }
        }
        if separator.is_empty() { f.write_str("*") } else { Ok(()) }
    }
}
