//! Keeps names over a restart: reads them before capture starts, and saves them while it runs.
//!
//! The capture thread copies the names at an interval; another thread writes them, so that capture does not wait for a disk.
//! A file that another user could have written is not trusted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use egret_capture::host::boot_now;
use egret_capture::{Capture, diag};
use egret_names::{SavedName, SavedNames};
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use tokio::sync::oneshot;

use crate::privilege;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Longest file. It is enough for a million addresses, the most that can be configured.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
/// Names count as watched without a gap if egret restarted within this time.
const RESTART_GAP: Duration = Duration::from_secs(120);

/// The names from before a restart, and the file to save names to.
pub(super) struct NameStore {
    pub(super) names: Vec<SavedName>,
    /// When watching of names began, nanoseconds on the boot clock.
    pub(super) watched_ns: u64,
    boot_id: String,
    namespace: u32,
    file: PathBuf,
    every: Duration,
}

impl NameStore {
    /// Reads the saved names. Names of another boot or network namespace, and a broken file, are ignored; watching
    /// then begins now.
    pub(super) fn open(settings: &egret_config::Names) -> Option<Self> {
        let boot_id = fs::read_to_string(BOOT_ID)
            .inspect_err(|error| tracing::warn!(%error, "names are not saved: cannot read the boot id"));
        let (boot_id, namespace) = (boot_id.ok().filter(|_| settings.dns)?, diag::own_namespace()?);
        let now = boot_now();
        let mut store = Self {
            names: Vec::new(),
            watched_ns: now,
            boot_id: boot_id.trim().to_owned(),
            namespace,
            file: settings.file.clone(),
            every: settings.save_every,
        };
        let saved = read(&settings.file).unwrap_or_else(|error| {
            tracing::warn!("{error:#}; saved names are ignored");
            None
        });
        if let Some(saved) = saved.filter(|saved| store.is_current(saved)) {
            let gap = Duration::from_nanos(now.saturating_sub(saved.saved_ns));
            if gap <= RESTART_GAP && saved.watched_ns <= saved.saved_ns && saved.saved_ns <= now {
                store.watched_ns = saved.watched_ns;
            }
            store.names = saved.names;
        }
        Some(store)
    }

    fn is_current(&self, saved: &SavedNames) -> bool {
        saved.boot_id == self.boot_id && saved.namespace == self.namespace
    }

    /// Starts the writing thread. The returned receiver is ready once it has written the last copy.
    pub(super) fn start_saving(self) -> Result<(NameSaver, oneshot::Receiver<()>)> {
        let (copies, inbox) = sync_channel(1);
        let (end, ended) = oneshot::channel();
        let (every, watched_ns) = (self.every, self.watched_ns);
        let body = move || {
            if let Err(error) = privilege::reduce(Vec::new()) {
                tracing::warn!("{error:#}");
            }
            self.write_all(&inbox);
            drop(end);
        };
        thread::Builder::new().name("egret-names".into()).spawn(body).context("cannot start a thread")?;
        Ok((NameSaver { copies, every, watched_ns, next: Instant::now() + every, answers: 0 }, ended))
    }

    fn write_all(&self, copies: &Receiver<Vec<SavedName>>) {
        for names in copies {
            let saved = SavedNames {
                boot_id: self.boot_id.clone(),
                namespace: self.namespace,
                watched_ns: self.watched_ns,
                saved_ns: boot_now(),
                names,
            };
            if let Err(error) = write(&self.file, &saved.to_string()) {
                tracing::warn!(%error, file = %self.file.display(), "cannot save names");
            }
        }
    }
}

/// Copies names for the writing thread; owned by the capture thread.
pub(super) struct NameSaver {
    copies: SyncSender<Vec<SavedName>>,
    every: Duration,
    watched_ns: u64,
    next: Instant,
    /// The number of DNS answers at the last copy.
    answers: u64,
}

impl NameSaver {
    /// When watching of names began, nanoseconds on the boot clock.
    pub(super) const fn watched_ns(&self) -> u64 {
        self.watched_ns
    }

    /// Time until the next copy; `None` if there were no answers since the last one.
    pub(super) fn due_in(&self, capture: &Capture) -> Option<Duration> {
        (answers(capture) != self.answers).then(|| self.next.saturating_duration_since(Instant::now()))
    }

    /// Copies the names if it is due.
    pub(super) fn tick(&mut self, capture: &Capture) {
        if self.due_in(capture).is_none_or(|left| !left.is_zero()) {
            return;
        }
        self.next = Instant::now() + self.every;
        let answers = answers(capture);
        if let Some(names) = capture.keep_names() {
            // Fails while a copy is still being written; the next tick tries again.
            if self.copies.try_send(names).is_ok() {
                self.answers = answers;
            }
        }
    }

    /// Copies the names for the last time.
    pub(super) fn finish(self, capture: &Capture) {
        if let Some(names) = capture.keep_names() {
            // Fails only if the writing thread has panicked.
            let _ = self.copies.send(names);
        }
    }
}

fn answers(capture: &Capture) -> u64 {
    capture.names().map_or(0, |state| state.answers)
}

/// Reads the file; `None` if it does not exist.
fn read(path: &Path) -> Result<Option<SavedNames>> {
    let context = || format!("cannot read saved names from {}", path.display());
    let opened = OpenOptions::new().read(true).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()).open(path);
    let file = match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(context)?,
    };
    let metadata = file.metadata().with_context(context)?;
    let is_own = metadata.is_file() && metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o022 == 0;
    if !is_own || metadata.len() > MAX_BYTES {
        bail!("saved names in {} are not trusted: another user can write the file, or it is too long", path.display());
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).with_context(context)?;
    let saved = text.parse();
    saved.map(Some).with_context(|| format!("invalid saved names in {}", path.display()))
}

/// Replaces the file atomically.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().ok_or(ErrorKind::InvalidFilename)?;
    fs::create_dir_all(directory)?;
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // `create_new`, so that a link of another user is not followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn saved() -> SavedNames {
        let names = vec![SavedName {
            address: [203, 0, 113, 7].into(),
            name: "a.example".into(),
            process: Some(7),
            user: Some(0),
            since_ns: 1,
            last_ns: 2,
            until_ns: 3,
        }];
        SavedNames { boot_id: "b".to_owned(), namespace: 1, watched_ns: 1, saved_ns: 2, names }
    }

    #[test]
    fn saved_names_are_private_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deeper/names");
        assert_eq!(read(&path).unwrap(), None);
        for _ in 0..2 {
            write(&path, &saved().to_string()).unwrap();
            assert_eq!(read(&path).unwrap(), Some(saved()));
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn files_that_others_can_write_are_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("names"), directory.path().join("link"));
        write(&path, &saved().to_string()).unwrap();
        symlink(&path, &link).unwrap();
        assert!(read(&link).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(read(&path).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "format 1\nboot").unwrap();
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("line 2"));
        assert!(read(directory.path()).is_err());
    }
}
