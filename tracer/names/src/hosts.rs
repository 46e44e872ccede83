//! `/etc/hosts` (hosts(5)), and again whenever it changes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egret_model::Timestamp;
use thiserror::Error;
use tracing::warn;

use crate::name;

/// How often the file is looked at, at most.
const CHECK: Duration = Duration::from_secs(5);
/// Bytes read of it. Lists of blocked names have some megabytes, all with one address.
const READ: u64 = 16 * 1024 * 1024;
/// Addresses kept. At 100 bytes each, names of the longest kind apart, that is 1.6 MB.
const ADDRESSES: usize = 16_384;

/// The names in the file.
pub(crate) struct Hosts {
    path: PathBuf,
    checked: Timestamp,
    version: Option<Version>,
    names: HashMap<IpAddr, Arc<str>>,
}

/// What changes when the file does.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    length: u64,
    modified: (i64, i64),
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

    /// The name of an address.
    pub(crate) fn find(&mut self, address: IpAddr, time: Timestamp) -> Option<Arc<str>> {
        // Also when the clock was set back.
        if time < self.checked || u128::from(time.since(self.checked)) >= CHECK.as_nanos() {
            self.checked = time;
            self.refresh();
        }
        self.names.get(&address).cloned()
    }

    /// Reads the file if it is not the one read last. A file that is gone names nothing; one that cannot be read leaves
    /// what was known.
    fn refresh(&mut self) {
        let version = std::fs::metadata(&self.path).ok().map(|meta| Version {
            inode: meta.ino(),
            length: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        });
        if version == self.version {
            return;
        }
        self.version = version;
        match read(&self.path) {
            Ok(names) => self.names = names,
            Err(error) => warn!(error = &error as &dyn std::error::Error, "host names of this file are not known"),
        }
    }
}

fn read(path: &Path) -> Result<HashMap<IpAddr, Arc<str>>, Unreadable> {
    let unreadable = |source| Unreadable { path: path.to_owned(), source };
    match File::open(path) {
        Ok(file) => parse(BufReader::new(file.take(READ))).map_err(unreadable),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => Err(unreadable(error)),
    }
}

/// The first name of each line is the address's; of lines with the same address, the first counts.
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
