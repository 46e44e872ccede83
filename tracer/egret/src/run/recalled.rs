//! Names over a restart: read before capture starts, and written beside it.
//!
//! The capture thread makes copies now and then and waits for no disk; another thread writes them. The file is egret's own:
//! whatever somebody else could have written is not believed.

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

/// Names this boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Bytes read at most. A million addresses, which is as many as can be configured, usually take as much.
const MOST: u64 = 128 * 1024 * 1024;
/// An egret that begins this soon after another one has missed next to nothing.
const RESTART: Duration = Duration::from_secs(120);

/// What a start finds, and what it takes to keep names from then on.
pub(super) struct Recalled {
    pub(super) names: Vec<SavedName>,
    /// Since when names are watched, nanoseconds on the boot clock.
    pub(super) watched_ns: u64,
    boot_id: String,
    namespace: u32,
    file: PathBuf,
    every: Duration,
}

impl Recalled {
    /// Reads what the egret before has kept. What is of another boot or network namespace is of no use, and what is broken is
    /// left out: then names are watched since now.
    pub(super) fn open(settings: &egret_config::Names) -> Option<Self> {
        let boot_id = fs::read_to_string(BOOT_ID).inspect_err(|error| tracing::warn!(%error, "names are not kept"));
        let (boot_id, namespace) = (boot_id.ok().filter(|_| settings.dns)?, diag::own_namespace()?);
        let now = boot_now();
        let mut recalled = Self {
            names: Vec::new(),
            watched_ns: now,
            boot_id: boot_id.trim().to_owned(),
            namespace,
            file: settings.file.clone(),
            every: settings.save_every,
        };
        let memory = read(&settings.file).unwrap_or_else(|error| {
            tracing::warn!("{error:#}; names are watched from now on");
            None
        });
        if let Some(memory) = memory.filter(|memory| recalled.is_about_this(memory)) {
            let gap = Duration::from_nanos(now.saturating_sub(memory.saved_ns));
            if gap <= RESTART && memory.watched_ns <= memory.saved_ns && memory.saved_ns <= now {
                recalled.watched_ns = memory.watched_ns;
            }
            recalled.names = memory.names;
        }
        Some(recalled)
    }

    fn is_about_this(&self, memory: &SavedNames) -> bool {
        memory.boot_id == self.boot_id && memory.namespace == self.namespace
    }

    /// Starts the thread that writes. What is returned is ready once it has written the last copy.
    pub(super) fn keep(self) -> Result<(Keeper, oneshot::Receiver<()>)> {
        let (copies, inbox) = sync_channel(1);
        let (end, ended) = oneshot::channel();
        let (every, watched_ns) = (self.every, self.watched_ns);
        let body = move || {
            if let Err(error) = privilege::reduce(Vec::new()) {
                tracing::warn!("{error:#}");
            }
            self.write_all(&inbox);
            // Told when dropped, also by a panic.
            drop(end);
        };
        thread::Builder::new().name("egret-names".into()).spawn(body).context("cannot start a thread")?;
        Ok((Keeper { copies, every, watched_ns, next: Instant::now() + every, answers: 0 }, ended))
    }

    fn write_all(&self, copies: &Receiver<Vec<SavedName>>) {
        for names in copies {
            let memory = SavedNames {
                boot_id: self.boot_id.clone(),
                namespace: self.namespace,
                watched_ns: self.watched_ns,
                saved_ns: boot_now(),
                names,
            };
            if let Err(error) = write(&self.file, &memory.to_string()) {
                tracing::warn!(%error, file = %self.file.display(), "names cannot be kept");
            }
        }
    }
}

/// What the capture thread has of it.
pub(super) struct Keeper {
    copies: SyncSender<Vec<SavedName>>,
    every: Duration,
    watched_ns: u64,
    next: Instant,
    /// Answers that the last copy had.
    answers: u64,
}

impl Keeper {
    /// Since when names are watched, nanoseconds on the boot clock.
    pub(super) const fn watched_ns(&self) -> u64 {
        self.watched_ns
    }

    /// How long it is until names are to be written; `None` if there were no answers since the last time.
    pub(super) fn due_in(&self, capture: &Capture) -> Option<Duration> {
        (answers(capture) != self.answers).then(|| self.next.saturating_duration_since(Instant::now()))
    }

    /// Has names written if it is time to.
    pub(super) fn tick(&mut self, capture: &Capture) {
        if self.due_in(capture).is_none_or(|left| !left.is_zero()) {
            return;
        }
        self.next = Instant::now() + self.every;
        let answers = answers(capture);
        if let Some(names) = capture.keep_names() {
            // One that is still being written is followed by the next.
            if self.copies.try_send(names).is_ok() {
                self.answers = answers;
            }
        }
    }

    /// Has them written for the last time.
    pub(super) fn finish(self, capture: &Capture) {
        if let Some(names) = capture.keep_names() {
            // The other end goes away only by a panic, and then nothing is kept.
            let _ = self.copies.send(names);
        }
    }
}

fn answers(capture: &Capture) -> u64 {
    capture.names().map_or(0, |state| state.answers)
}

/// Reads what was kept; `None` if nothing was.
fn read(path: &Path) -> Result<Option<SavedNames>> {
    let context = || format!("cannot read the names that were kept in {}", path.display());
    let opened = OpenOptions::new().read(true).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()).open(path);
    let file = match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(context)?,
    };
    let metadata = file.metadata().with_context(context)?;
    let is_own = metadata.is_file() && metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o022 == 0;
    if !is_own || metadata.len() > MOST {
        bail!("the names in {} are not believed: others can write the file, or it is too long", path.display());
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).with_context(context)?;
    let memory = text.parse();
    memory.map(Some).with_context(|| format!("cannot understand the names that were kept in {}", path.display()))
}

/// Replaces the file whole.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().ok_or(ErrorKind::InvalidFilename)?;
    fs::create_dir_all(directory)?;
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A new file, so that no link is followed that somebody put there.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn memory() -> SavedNames {
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
    fn what_is_written_is_egrets_own_and_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deeper/names");
        assert_eq!(read(&path).unwrap(), None);
        for _ in 0..2 {
            write(&path, &memory().to_string()).unwrap();
            assert_eq!(read(&path).unwrap(), Some(memory()));
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_others_could_have_written_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("names"), directory.path().join("link"));
        write(&path, &memory().to_string()).unwrap();
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
