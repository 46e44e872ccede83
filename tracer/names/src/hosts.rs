//! `/etc/hosts` (hosts(5)), read again when it changes.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egret_model::Timestamp;
use thiserror::Error;
use tracing::warn;

use crate::file_version::FileVersion;
use crate::name;

/// Minimum interval between checks of the file.
const CHECK: Duration = Duration::from_secs(5);
/// Maximum number of bytes read. Lists of blocked names have some megabytes, all with one address.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Maximum number of addresses, about 100 bytes each unless names are long: 1.6 MB.
const ADDRESSES: usize = 16_384;

pub(crate) struct Hosts {
    path: PathBuf,
    checked: Timestamp,
    version: Option<FileVersion>,
    names: HashMap<IpAddr, Arc<str>>,
}

#[derive(Debug, Error)]
#[error("{path} cannot be read")]
struct Unreadable {
    path: PathBuf,
    source: std::io::Error,
}

impl Hosts {
    pub(crate) fn new(path: PathBuf) -> Self {
        let mut hosts = Self { path, checked: Timestamp(i64::MIN), version: None, names: HashMap::new() };
        hosts.refresh();
        hosts
    }

    pub(crate) fn find(&mut self, address: IpAddr, time: Timestamp) -> Option<Arc<str>> {
        // Also if the clock was set back.
        if time < self.checked || u128::from(time.since(self.checked)) >= CHECK.as_nanos() {
            self.checked = time;
            self.refresh();
        }
        self.names.get(&address).cloned()
    }

    /// Reads the file if it has changed. A missing file has no names; if it cannot be read, the known names stay.
    fn refresh(&mut self) {
        let version = FileVersion::read(&self.path);
        if version == self.version {
            return;
        }
        self.version = version;
        match read(&self.path) {
            Ok(names) => self.names = names,
            Err(error) => warn!(error = &error as &dyn std::error::Error, "the host names in this file are unknown"),
        }
    }
}

fn read(path: &Path) -> Result<HashMap<IpAddr, Arc<str>>, Unreadable> {
    let unreadable = |source| Unreadable { path: path.to_owned(), source };
    match File::open(path) {
        Ok(file) => parse(BufReader::new(file.take(MAX_BYTES))).map_err(unreadable),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => Err(unreadable(error)),
    }
}

/// The names in a file in the format of hosts(5); none if it cannot be read, which is logged where addresses are looked up.
#[must_use]
pub fn names_of_hosts(path: &Path) -> HashSet<Arc<str>> {
    read(path).map(|names| names.into_values().collect()).unwrap_or_default()
}

/// Uses the first name of a line, and the first line of an address.
fn parse(file: impl BufRead) -> std::io::Result<HashMap<IpAddr, Arc<str>>> {
    let mut names = HashMap::new();
    for line in file.split(b'\n') {
        if let Some((address, name)) = entry(&line?)
            && names.len() < ADDRESSES
        {
            names.entry(address).or_insert_with(|| name.into());
        }
    }
    Ok(names)
}

fn entry(line: &[u8]) -> Option<(IpAddr, String)> {
    let line = line.split(|byte| *byte == b'#').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let address: IpAddr = str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let name = name::from_text(words.next()?)?;
    (!address.is_unspecified()).then(|| (address.to_canonical(), name))
}
