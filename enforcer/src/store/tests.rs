use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

use egret_model::Timestamp;
use tempfile::TempDir;

use super::lock::Lock;
use super::*;
use crate::baseline::{Baseline, Facts, Gap, Precision, parse};

const RULE: &str = "allow exe=/usr/bin/git -> tcp example.com 443\n";

struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("baseline")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn put(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    fn open(&self) -> FileStore {
        FileStore::open(&self.path(), Precision::default()).unwrap()
    }

    /// Every file but the baseline and its lock.
    fn others(&self) -> usize {
        fs::read_dir(self.0.path()).unwrap().count() - 2
    }
}

fn facts(name: &str) -> Facts<'_> {
    Facts {
        executable: Some("/usr/bin/curl"),
        user: Some("alice".into()),
        transport: Some("tcp"),
        name: Some(name),
        port: Some(443),
        ..Facts::default()
    }
}

fn learn(store: &mut FileStore, name: &str) {
    store.learner().learn(&facts(name), Timestamp(1_700_000_000_000_000_000));
}

#[test]
fn saved_baseline_is_loaded_and_extended() {
    let directory = Directory::new();
    let mut store = directory.open();
    learn(&mut store, "example.org");
    assert_eq!(store.save(Patience::None).unwrap(), Saved { edited: false, written: true });
    assert!(directory.text().contains("-> tcp example.org 443  # seen 1 time"), "{}", directory.text());
    assert_eq!(store.save(Patience::None).unwrap(), Saved::default(), "nothing is new");
    let mut again = directory.open();
    learn(&mut again, "example.org");
    again.learner().lost(Gap { from: Timestamp(1), to: Timestamp(2), lost: 3 });
    again.save(Patience::None).unwrap();
    let text = directory.text();
    assert!(
        text.contains("seen 2 times") && text.contains("gap 1970-01-01T00:00:00Z 1970-01-01T00:00:01Z 3"),
        "{text}"
    );
    assert_eq!(parse(&text).as_ref(), Ok(again.baseline()));
    assert_eq!(directory.others(), 0);
}

#[test]
fn hand_edits_win_and_learned_rules_are_added() {
    let directory = Directory::new();
    directory.put(&format!("format 1\n{RULE}deny * -> tcp example.net 80\n"));
    let mut store = directory.open();
    learn(&mut store, "example.org");
    directory.put("# Reviewed.\nformat 1\ndeny * -> tcp example.net 80\n# Ours.\nallow * -> udp 192.0.2.53 53\n");
    assert_eq!(store.save(Patience::None).unwrap(), Saved { edited: true, written: true });
    let text = directory.text();
    assert!(text.starts_with("# Reviewed.\nformat 1\n") && text.contains("# Ours.\nallow * -> udp"), "{text}");
    assert!(text.contains("tcp example.org 443") && !text.contains("example.com"), "{text}");
    assert_eq!(parse(&text).as_ref(), Ok(store.baseline()));
    // The rule that was removed is learned again when it is seen again.
    let git = Facts { executable: Some("/usr/bin/git"), ..facts("example.com") };
    store.learner().learn(&git, Timestamp(1_700_000_000_000_000_000));
    assert_eq!(store.baseline().entries.len(), 4);
}

#[test]
fn broken_file_is_reported_by_line_and_not_overwritten() {
    let directory = Directory::new();
    let mut store = directory.open();
    learn(&mut store, "example.org");
    store.save(Patience::None).unwrap();
    let broken = "format 1\npermit everything\nallow -> tcp example.org 443\n";
    directory.put(broken);
    learn(&mut store, "example.com");
    for _ in 0..2 {
        let error = store.save(Patience::None).unwrap_err().to_string();
        let path = directory.path().display().to_string();
        assert!(error.contains(&format!("{path}:2: ")) && error.contains(&format!("{path}:3: ")), "{error}");
        assert_eq!(directory.text(), broken);
    }
    assert!(FileStore::open(&directory.path(), Precision::default()).is_err());
    directory.put("format 1\n");
    store.save(Patience::None).unwrap();
    assert!(
        directory.text().contains("example.com") && !directory.text().contains("example.org"),
        "{}",
        directory.text()
    );
}

#[test]
fn removed_file_is_written_again() {
    let directory = Directory::new();
    let mut store = directory.open();
    learn(&mut store, "example.org");
    store.save(Patience::None).unwrap();
    fs::remove_file(directory.path()).unwrap();
    assert_eq!(store.save(Patience::None).unwrap(), Saved { edited: false, written: true });
    assert!(directory.text().contains("example.org"));
}

#[test]
fn save_keeps_file_mode_owner_and_symlink() {
    let directory = Directory::new();
    let kept = directory.0.path().join("kept");
    fs::write(&kept, "format 1\n").unwrap();
    fs::set_permissions(&kept, Permissions::from_mode(0o604)).unwrap();
    let is_root = nix::unistd::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(&kept, Some(4242), Some(4243)).unwrap();
    }
    symlink("kept", directory.path()).unwrap();
    let mut store = directory.open();
    learn(&mut store, "example.org");
    store.save(Patience::None).unwrap();
    assert!(fs::symlink_metadata(directory.path()).unwrap().is_symlink());
    let metadata = fs::metadata(&kept).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o604);
    assert!(!is_root || (metadata.uid(), metadata.gid()) == (4242, 4243));
    assert!(directory.text().contains("example.org"));
}

#[test]
fn locked_baseline_is_not_saved() {
    let directory = Directory::new();
    let mut store = directory.open();
    let lock = Lock::take(&directory.path(), Patience::Any).unwrap();
    assert!(matches!(store.save(Patience::None), Err(SaveError::Busy(path)) if path == directory.path()));
    drop(lock);
    store.save(Patience::None).unwrap();
}

#[test]
fn concurrent_edit_is_not_overwritten() {
    let directory = Directory::new();
    directory.put("format 1\n");
    let mut store = directory.open();
    let mut times = 0;
    let change = |baseline: &mut Baseline| {
        times += 1;
        if times == 1 {
            directory.put(&format!("format 1\n{RULE}"));
        }
        baseline.notes.push(" Changed.".to_owned());
    };
    let ((), saved) = store.edit(Patience::None, change).unwrap();
    assert_eq!(saved, Saved { edited: true, written: true });
    assert_eq!(directory.text(), format!("# Changed.\nformat 1\n\n{RULE}"));
}

#[test]
fn unwritable_edit_changes_nothing() {
    let directory = Directory::new();
    directory.put(&format!("format 1\n{RULE}"));
    let mut store = directory.open();
    let before = store.baseline().clone();
    // Something stands in the way that is no file and cannot be removed as one.
    fs::create_dir(directory.0.path().join("baseline.new")).unwrap();
    let error = store.edit(Patience::None, |baseline| baseline.entries.clear()).unwrap_err().to_string();
    assert!(error.contains("cannot write the baseline"), "{error}");
    assert_eq!((store.baseline(), parse(&directory.text()).unwrap()), (&before, before.clone()));
}
