//! Names of users.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the state of the file counts as unchanged.
const RECHECK: Duration = Duration::from_secs(1);
/// Users kept. With names of 32 bytes, the longest that useradd(8) accepts, this is about 2 MB. Users on later
/// lines of a longer file have no name.
const MAX_USERS: usize = 16_384;
/// Bytes read of the file at most: `MAX_USERS` lines of 128 bytes.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// Identifies the version of the file that was read.
type Stamp = (u64, u64, u64, i64, i64);

/// User names from `/etc/passwd`.
///
/// NSS (`getpwuid_r(3)`) is not used: with LDAP or SSSD configured that call may wait for a server, and
/// attribution of a connection must not wait for another one. Users that only a directory server has therefore
/// have a number and no name. The state of the file is checked once a second at most, and it is read again after a
/// change.
#[derive(Debug)]
pub struct Users {
    path: PathBuf,
    names: HashMap<u32, Arc<str>>,
    stamp: Option<Stamp>,
    checked: Option<Instant>,
}

impl Default for Users {
    fn default() -> Self {
        Self::new()
    }
}

impl Users {
    /// Users of this host. The file is read at the first look-up.
    #[must_use]
    pub fn new() -> Self {
        Self::from_file("/etc/passwd")
    }

    /// Users of another file in the format of `passwd(5)`.
    #[must_use]
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), names: HashMap::new(), stamp: None, checked: None }
    }

    /// The name of a user. If several lines have the number, the first counts, as in `getpwuid(3)`.
    pub fn name(&mut self, uid: u32) -> Option<Arc<str>> {
        self.refresh();
        self.names.get(&uid).cloned()
    }

    fn refresh(&mut self) {
        if self.checked.is_some_and(|checked| checked.elapsed() < RECHECK) {
            return;
        }
        self.checked = Some(Instant::now());
        let stamp = std::fs::metadata(&self.path).ok().map(|metadata| stamp(&metadata));
        if stamp == self.stamp {
            return;
        }
        // If the file is missing for a moment (an editor renames it), the names are kept.
        if let Ok(file) = File::open(&self.path) {
            self.names = parse(BufReader::new(file.take(MAX_BYTES)));
            self.stamp = stamp;
        }
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}

fn parse(lines: impl BufRead) -> HashMap<u32, Arc<str>> {
    let mut names = HashMap::new();
    for line in lines.split(b'\n').map_while(Result::ok) {
        if let Some((uid, name)) = parse_line(&String::from_utf8_lossy(&line)) {
            names.entry(uid).or_insert(name);
        }
        if names.len() >= MAX_USERS {
            break;
        }
    }
    names
}

/// `name:password:uid:...`
fn parse_line(line: &str) -> Option<(u32, Arc<str>)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
    let uid = fields.nth(1)?.parse().ok()?;
    Some((uid, name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_a_name() {
        let mut users = Users::new();
        assert_eq!(users.name(0).as_deref(), Some("root"));
        assert_eq!(users.name(4_294_967_294), None);
    }

    #[test]
    fn first_line_counts_and_malformed_lines_are_skipped() {
        let file = b"\n#x:x:5:\nroot:x:0:0:::\ntoor:x:0:0\nno-uid:x\nbad:x:ten:1\n+::::::\n\xff\xfe:x:7:1\nann:x:1000:";
        let names = parse(&file[..]);
        assert_eq!(names.get(&0).map(|name| &**name), Some("root"));
        assert_eq!(names.get(&1000).map(|name| &**name), Some("ann"));
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn number_of_users_is_bounded() {
        let file: String = (0..MAX_USERS + 10).map(|uid| format!("u{uid}:x:{uid}:\n")).collect();
        assert_eq!(parse(file.as_bytes()).len(), MAX_USERS);
    }

    #[test]
    fn changed_file_is_read_again_after_a_second() {
        let path = std::env::temp_dir().join(format!("egret-users-{}", std::process::id()));
        std::fs::write(&path, "ann:x:1000:\n").unwrap();
        let mut users = Users::from_file(&path);
        assert_eq!(users.name(1000).as_deref(), Some("ann"));
        std::fs::write(&path, "ann:x:1000:\nbob:x:1001:\n").unwrap();
        users.checked = Some(Instant::now());
        assert_eq!(users.name(1001), None, "checked again too soon");
        users.checked = users.checked.and_then(|checked| checked.checked_sub(RECHECK));
        assert_eq!(users.name(1001).as_deref(), Some("bob"));
        std::fs::remove_file(&path).unwrap();
        users.checked = None;
        assert_eq!(users.name(1000).as_deref(), Some("ann"), "a missing file must not forget names");
    }
}
