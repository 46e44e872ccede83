//! What an interpreter runs, read from its command line.
//!
//! Every interpreter has a grammar ([`grammar`]), checked against its manual and against the program itself. What a command
//! line does not say for certain is unknown: an option that the grammar does not have, arguments that were cut, a relative
//! path without its directory. Text of programs never becomes part of the answer.

mod attached;
mod grammar;
mod javascript;
mod languages;
mod loader;
mod path;
mod scan;
mod shells;

use std::sync::Arc;

use self::grammar::Grammar;
use self::scan::Scan;

/// What an interpreter runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Script {
    /// The program is no interpreter that egret knows.
    #[default]
    Inapplicable,
    /// The absolute path of a script, the option of an inline program (`-c`), `-m` and a module, `-` for standard input.
    Known(Arc<str>),
    /// An interpreter whose command line does not say for certain what it runs.
    Unknown,
}

/// What stands for a script that is unknown in records.
const UNKNOWN: &str = "?";

impl Script {
    /// The word that rules have, where it is known.
    #[must_use]
    pub fn word(&self) -> Option<&str> {
        match self {
            Self::Known(word) => Some(word),
            Self::Inapplicable | Self::Unknown => None,
        }
    }

    /// As records have it: the word, and `?` where it is unknown.
    #[must_use]
    pub fn recorded(&self) -> Option<&str> {
        match self {
            Self::Inapplicable => None,
            Self::Known(word) => Some(word),
            Self::Unknown => Some(UNKNOWN),
        }
    }

    /// The script of a record.
    #[must_use]
    pub fn from_record(word: &Arc<str>) -> Self {
        if &**word == UNKNOWN { Self::Unknown } else { Self::Known(Arc::clone(word)) }
    }

    fn known(word: impl Into<Arc<str>>) -> Self {
        Self::Known(word.into())
    }
}

/// A command line to be read.
#[derive(Clone, Copy, Debug)]
pub struct CommandLine<'a> {
    /// Path of the executable, of which the last component counts.
    pub executable: &'a str,
    /// The argument vector, with the name of the program first.
    pub args: &'a [Arc<str>],
    /// The argument vector is longer: its last argument may be cut.
    pub truncated: bool,
    /// Working directory at the exec.
    pub directory: Option<&'a str>,
}

impl CommandLine<'_> {
    /// What the program interprets.
    #[must_use]
    pub fn script(self) -> Script {
        let name = path::name(self.executable);
        if loader::is_loader(name) {
            return loader::script(self);
        }
        if name == "busybox" {
            return loader::applet(self);
        }
        let Some(grammar) = grammar_of(name) else { return Script::Inapplicable };
        if self.args.is_empty() {
            return Script::Unknown;
        }
        self.scan(grammar).script(self)
    }

    /// The path that the script has by [`Self::script`], if the interpreter looks along `PATH` should no file be there, as `bash app.sh`
    /// does. If the file is not known to exist, the script is unknown.
    #[must_use]
    pub fn fallible_path(self) -> Option<String> {
        let name = path::name(self.executable);
        if loader::is_loader(name) {
            return loader::fallible_path(self);
        }
        let grammar = grammar_of(name).filter(|_| name != "busybox")?;
        self.scan(grammar).fallible_path(self.directory)
    }

    fn scan(self, grammar: &'static Grammar) -> Scan {
        Scan::new(grammar, self.args)
    }
}

/// Where the text of a program begins: in which argument, at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text {
    pub(crate) argument: usize,
    pub(crate) at: usize,
}

/// The texts of programs in an argument vector, of whichever interpreters it names: `sudo bash -c TEXT` has one too.
pub(crate) fn texts(executable: Option<&str>, args: &[Arc<str>]) -> Vec<Text> {
    let own = executable.into_iter().map(|path| (0, path::name(path)));
    let named = args.iter().enumerate().map(|(index, arg)| (index, path::name(arg).trim_start_matches('-')));
    let mut found = Vec::new();
    for (index, name) in own.chain(named) {
        let Some(grammar) = grammar_of(name) else { continue };
        let rest = args.get(index..).unwrap_or_default();
        found.extend(
            Scan::new(grammar, rest).texts.into_iter().map(|text| Text { argument: text.argument + index, ..text }),
        );
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The grammar of an interpreter with this file name, which may have a version: `python3.11`, `perl5.36-x86_64-linux-gnu`,
/// `node-20`, `php8.2`.
fn grammar_of(name: &str) -> Option<&'static Grammar> {
    let tables = languages::ALL.iter().chain(shells::ALL);
    tables.filter(|(stem, _)| is_version_of(name, stem)).max_by_key(|(stem, _)| stem.len()).map(|(_, grammar)| *grammar)
}

/// `python3.11`, `python-3` and `python` are versions of `python`; `pythonic` and `php-fpm8.2` are of nothing here. What stands
/// behind the version may name a platform (`perl5.36-x86_64-linux-gnu`) or a build (`python3.13t`, `python3.11-dbg`).
fn is_version_of(name: &str, stem: &str) -> bool {
    let Some(rest) = name.strip_prefix(stem) else { return false };
    let version = rest.trim_start_matches('-');
    let behind = version.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if behind.len() == version.len() {
        return rest.is_empty();
    }
    behind.is_empty() || behind.starts_with('-') || matches!(behind, "t" | "d" | "m" | "u" | "dm")
}

#[cfg(test)]
mod tests;
