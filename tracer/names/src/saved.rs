//! The file format of names that are saved over a restart: those from answers of configured name servers to the host.
//!
//! Times are on the boot clock: the wall clock may be set between two runs, and a reboot ends all processes that hold an address.
//!
//! ```text
//! format 1
//! boot 9a7b1c52-3f0e-4f5e-a1f5-6f1c2d3e4f50
//! namespace 4026531840
//! watched 81000000000
//! saved 99000000000
//! 203.0.113.7 www.example.com 4242 90000000000 91000000000 691000000000 1000
//! ```

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::name;

/// A name of an address, from answers to one process. Times are nanoseconds on the boot clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedName {
    pub address: IpAddr,
    pub name: Arc<str>,
    /// Process id of the process that asked.
    pub process: Option<u32>,
    /// The user of that process.
    pub user: Option<u32>,
    /// Time of the first answer since which the name was valid without a gap.
    pub since_ns: u64,
    /// Time of the last answer.
    pub last_ns: u64,
    /// When the name expires.
    pub until_ns: u64,
}

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedNames {
    /// The boot of the clock (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// Inode number of the network namespace.
    pub namespace: u32,
    /// Since when names are watched, nanoseconds on the boot clock.
    pub watched_ns: u64,
    /// When the file was written, nanoseconds on the boot clock.
    pub saved_ns: u64,
    /// The most recently used last.
    pub names: Vec<SavedName>,
}

/// A line that cannot be parsed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("line {line}: expected {expected}")]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    pub expected: &'static str,
}

impl fmt::Display for SavedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "format 1\nboot {}\nnamespace {}", self.boot_id, self.namespace)?;
        writeln!(f, "watched {}\nsaved {}", self.watched_ns, self.saved_ns)?;
        self.names.iter().try_for_each(|name| writeln!(f, "{name}"))
    }
}

impl fmt::Display for SavedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.address, self.name)?;
        match self.process {
            Some(process) => write!(f, "{process}")?,
            None => f.write_str("-")?,
        }
        write!(f, " {} {} {}", self.since_ns, self.last_ns, self.until_ns)?;
        self.user.map_or(Ok(()), |user| write!(f, " {user}"))
    }
}

impl FromStr for SavedNames {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut lines = text.lines().zip(1..);
        // A number that is cut short is a number too.
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(Malformed { line: text.lines().count(), expected: "a whole line" });
        }
        header(&mut lines, "format", "`format 1`", |value| (value == "1").then_some(()))?;
        Ok(Self {
            boot_id: header(&mut lines, "boot", "`boot` and an id", |value| Some(value.to_owned()))?,
            namespace: header(&mut lines, "namespace", "`namespace` and a number", |value| value.parse().ok())?,
            watched_ns: header(&mut lines, "watched", "`watched` and a time", |value| value.parse().ok())?,
            saved_ns: header(&mut lines, "saved", "`saved` and a time", |value| value.parse().ok())?,
            names: lines
                .map(|(text, line)| entry(text).ok_or(Malformed { line, expected: "an address, its name and times" }))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn header<'a, T>(
    lines: &mut impl Iterator<Item = (&'a str, usize)>,
    key: &str,
    expected: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Malformed> {
    let (text, line) = lines.next().unwrap_or(("", 0));
    let value = text.strip_prefix(key).and_then(|rest| rest.strip_prefix(' '));
    value.and_then(read).ok_or(Malformed { line, expected })
}

fn entry(line: &str) -> Option<SavedName> {
    let mut words = line.split(' ');
    let mut word = || words.next();
    let address = word()?.parse().ok()?;
    let written = word()?;
    let name = name::from_text(written.as_bytes()).filter(|name| name == written)?;
    let process = match word()? {
        "-" => None,
        number => Some(number.parse().ok()?),
    };
    let mut time = || word()?.parse::<u64>().ok();
    let (since_ns, last_ns, until_ns) = (time()?, time()?, time()?);
    let is_ordered = since_ns <= last_ns && last_ns <= until_ns;
    let user = words.next().map(str::parse).transpose().ok()?;
    let saved = SavedName { address, name: name.into(), process, user, since_ns, last_ns, until_ns };
    (is_ordered && words.next().is_none()).then_some(saved)
}
