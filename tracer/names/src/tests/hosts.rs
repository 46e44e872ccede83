//! The hosts file.

use std::path::PathBuf;

use egret_model::NameSource;

use super::packets::*;
use crate::{Names, Settings, names_of_hosts};

/// A file of this test's own, removed in the end.
struct HostsFile(PathBuf);

impl HostsFile {
    fn new(test: &str, content: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("egret-hosts-{test}-{}", std::process::id())));
        file.write(content);
        file
    }

    fn write(&self, content: &str) {
        std::fs::write(&self.0, content).unwrap();
    }

    fn names(&self) -> Names {
        Names::new(Settings { hosts: Some(self.0.clone()), ..settings(10) })
    }
}

impl Drop for HostsFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn name_of(names: &mut Names, cookie: u64, address: &str, time: f64) -> Option<String> {
    names.find(by(cookie, None), ip(address), at(time)).map(|server| server.name.to_string())
}

#[test]
fn first_name_of_an_address_is_used() {
    let file = HostsFile::new(
        "first",
        "# a comment\n203.0.113.1\tDb.internal  db # main\n\n2001:db8::1 six\n203.0.113.1 again\n\
         nonsense\n203.0.113.2\n203.0.113.3 #none\n::ffff:203.0.113.4 mapped\n0.0.0.0 blocked.example\r\n203.0.113.5 last",
    );
    let mut names = file.names();
    let mut named = |last: &str| name_of(&mut names, 1, last, 0.0);
    assert_eq!(named("203.0.113.1").as_deref(), Some("db.internal"));
    assert_eq!(named("2001:db8::1").as_deref(), Some("six"));
    assert_eq!(named("203.0.113.4").as_deref(), Some("mapped"));
    assert_eq!(named("203.0.113.5").as_deref(), Some("last"));
    for nameless in ["203.0.113.2", "203.0.113.3", "0.0.0.0"] {
        assert_eq!(named(nameless), None, "{nameless}");
    }
    let mut all: Vec<_> = names_of_hosts(&file.0).iter().map(ToString::to_string).collect();
    all.sort();
    assert_eq!(all, ["db.internal", "last", "mapped", "six"]);
    assert!(names_of_hosts(&file.0.join("missing")).is_empty());
}

#[test]
fn answers_precede_the_hosts_file() {
    let file = HostsFile::new("before", "203.0.113.1 file.example\n");
    let mut names = file.names();
    assert_eq!(names.find(by(1, None), ip("203.0.113.1"), at(0.0)).unwrap().source, NameSource::Hosts);
    Socket::new(9, 10).hears(&mut names, 1.0, &answers(5, "a.example", [address("a.example", 60, "203.0.113.1")]));
    assert_eq!(name_of(&mut names, 2, "203.0.113.1", 2.0).as_deref(), Some("a.example"));
}

#[test]
fn changed_hosts_file_is_read_again() {
    let file = HostsFile::new("changed", "203.0.113.1 old.example\n");
    let mut names = file.names();
    assert_eq!(name_of(&mut names, 1, "203.0.113.1", 0.0).as_deref(), Some("old.example"));
    file.write("203.0.113.1 newer.example\n");
    assert_eq!(name_of(&mut names, 2, "203.0.113.1", 1.0).as_deref(), Some("old.example"), "not looked at again yet");
    assert_eq!(name_of(&mut names, 3, "203.0.113.1", 6.0).as_deref(), Some("newer.example"));
    std::fs::remove_file(&file.0).unwrap();
    assert_eq!(name_of(&mut names, 4, "203.0.113.1", 12.0), None);
}
