//! A baseline that is learned while people edit its file.
//!
//! What is in memory and what is on disk meet when the store is saved: what people did to the file since is taken in first
//! ([`reconcile`]). So a baseline can be edited while egret runs, and egret never overwrites an edit.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{Broken, SaveError};
use super::file::{self, Stamp};
use super::lock::Lock;
use crate::baseline::{Baseline, Learner, Precision, reconcile};

/// A baseline in memory and its file.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    learner: Learner,
    /// What was last read or written, some 400 bytes a rule: edits since then are found by comparison.
    base: Baseline,
    stamp: Option<Stamp>,
}

/// What saving did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Somebody had edited the file: the rules in memory may be others than before.
    pub edited: bool,
    /// The file was written; it is not where nothing is new.
    pub written: bool,
}

/// How long to wait for another program that is changing the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Not at all: there will be another time.
    None,
    /// So long.
    For(Duration),
    /// As long as it takes.
    Any,
}

/// What is to be written.
struct Prepared<T> {
    /// What the change returned.
    returned: T,
    next: Baseline,
    /// Of the file that it takes the place of.
    expected: Option<Stamp>,
    edited: bool,
    /// It differs from the file.
    is_new: bool,
}

/// A store that several threads use, some of which may not wait for a disk or for another program.
pub(super) trait Shared {
    /// Calls `work` with exclusive access to the store.
    fn with<T>(&self, work: impl FnOnce(&mut FileStore) -> T) -> T;
}

/// A store of one thread.
impl Shared for RefCell<&mut FileStore> {
    fn with<T>(&self, work: impl FnOnce(&mut FileStore) -> T) -> T {
        work(&mut self.borrow_mut())
    }
}

/// As [`FileStore::edit`], and the store is free while other programs and the disk are waited for.
///
/// # Errors
///
/// As [`FileStore::save`].
pub(super) fn edit_shared<T>(
    store: &impl Shared,
    path: &Path,
    patience: Patience,
    mut change: impl FnMut(&mut Baseline) -> T,
) -> Result<(T, Saved), SaveError> {
    let _lock = Lock::take(path, patience)?;
    let mut edited = false;
    loop {
        let prepared = store.with(|store| store.prepare(&mut change))?;
        edited |= prepared.edited;
        let Some(stamp) = prepared.write(path)? else { continue };
        return Ok(store.with(|store| store.settle(prepared, stamp, edited, &mut change)));
    }
}

impl<T> Prepared<T> {
    /// Writes the file where there is something new; gives its stamp. `None` if somebody saved it in an editor, which asks for no
    /// lock, in the meantime.
    fn write(&self, path: &Path) -> Result<Option<Option<Stamp>>, SaveError> {
        if !self.is_new {
            return Ok(Some(self.expected));
        }
        let written = file::write(path, &self.next.to_string(), self.expected);
        let written = written.map_err(|error| SaveError::Io { what: "write", path: path.to_owned(), error })?;
        Ok(written.map(Some))
    }
}

impl FileStore {
    /// Opens a baseline; an empty one if there is no file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is wrong: with every line that is.
    pub fn open(path: &Path, precision: Precision) -> Result<Self, Broken> {
        let path = file::true_path(path);
        let (base, stamp) = file::read(&path)?.map_or_else(Default::default, |(base, stamp)| (base, Some(stamp)));
        Ok(Self { learner: Learner::new(base.clone(), precision), path, base, stamp })
    }

    /// Begins with nothing though there is a file, because that is broken. It is taken in by the first save after somebody
    /// mended it.
    #[must_use]
    pub fn unread(path: &Path, precision: Precision) -> Self {
        let learner = Learner::new(Baseline::default(), precision);
        Self { path: file::true_path(path), learner, base: Baseline::default(), stamp: None }
    }

    /// Whether the file is another than the one that was last read or written.
    #[must_use]
    pub fn is_edited(&self) -> bool {
        file::stamp(&self.path) != self.stamp
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there was no file yet.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.stamp.is_none()
    }

    /// The baseline as it is learned.
    pub const fn learner(&mut self) -> &mut Learner {
        &mut self.learner
    }

    /// The baseline so far.
    #[must_use]
    pub const fn baseline(&self) -> &Baseline {
        self.learner.baseline()
    }

    /// Takes in what people did to the file, and writes what is new.
    ///
    /// A file that was removed is no edit: it is written again. To begin anew, leave `format 1` alone in it.
    ///
    /// # Errors
    ///
    /// The file is broken now, is being changed, or cannot be written. What is in memory stays.
    pub fn save(&mut self, patience: Patience) -> Result<Saved, SaveError> {
        self.edit(patience, |_| ()).map(|((), saved)| saved)
    }

    /// Takes in what people did to the file, changes the rules, and writes what is new. Where that fails nothing is changed,
    /// neither in memory nor on disk.
    ///
    /// # Errors
    ///
    /// As [`Self::save`].
    pub fn edit<T>(
        &mut self,
        patience: Patience,
        change: impl FnMut(&mut Baseline) -> T,
    ) -> Result<(T, Saved), SaveError> {
        let path = self.path.clone();
        edit_shared(&RefCell::new(self), &path, patience, change)
    }

    /// Takes in what people did to the file, and changes a copy of the rules.
    fn prepare<T>(&mut self, change: &mut impl FnMut(&mut Baseline) -> T) -> Result<Prepared<T>, SaveError> {
        let edited = self.take_in()?;
        let mut next = self.baseline().clone();
        let returned = change(&mut next);
        let is_new = self.stamp.is_none() || next != self.base;
        Ok(Prepared { returned, next, expected: self.stamp, edited, is_new })
    }

    /// What was prepared is on disk. What was learned since then stays, and is changed as well.
    fn settle<T>(
        &mut self,
        prepared: Prepared<T>,
        stamp: Option<Stamp>,
        edited: bool,
        change: &mut impl FnMut(&mut Baseline) -> T,
    ) -> (T, Saved) {
        let mut now = self.baseline().clone();
        change(&mut now);
        if now != *self.baseline() {
            self.learner.replace(now);
        }
        self.base = prepared.next;
        self.stamp = stamp;
        (prepared.returned, Saved { edited, written: prepared.is_new })
    }

    /// Reads the file if it is another than the one that is known; says whether it was.
    fn take_in(&mut self) -> Result<bool, Broken> {
        if self.stamp.is_some() && file::stamp(&self.path) == self.stamp {
            return Ok(false);
        }
        let Some((edited, stamp)) = file::read(&self.path)? else {
            self.stamp = None;
            return Ok(false);
        };
        self.stamp = Some(stamp);
        if edited == self.base {
            return Ok(false);
        }
        self.learner.replace(reconcile(&self.base, edited.clone(), self.learner.baseline()));
        self.base = edited;
        Ok(true)
    }
}
