//! A baseline that is learned while people edit its file.
//!
//! What is in memory and what is on disk meet when the store is saved: what people did to the file since is taken in first
//! ([`reconcile`]). So nobody has to stop egret to edit a baseline, and egret never writes over what somebody wrote.

mod error;
mod file;
mod lock;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use egret_enforcer::baseline::{Baseline, Learner, Precision, reconcile};

pub use self::error::{Broken, SaveError};
use self::file::Stamp;
use self::lock::Lock;

/// A baseline in memory and its file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    learner: Learner,
    /// What was last read or written, some 400 bytes a rule: what people did since is told by it.
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
    /// As long as it takes.
    Any,
}

impl Store {
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
        mut change: impl FnMut(&mut Baseline) -> T,
    ) -> Result<(T, Saved), SaveError> {
        let _lock = self.lock(patience)?;
        let mut edited = false;
        loop {
            edited |= self.take_in()?;
            let mut next = self.baseline().clone();
            let told = change(&mut next);
            let written = self.stamp.is_none() || next != self.base;
            if written && !self.write(&next)? {
                // Somebody saved it in an editor, which asks for no lock, while it was being written.
                continue;
            }
            if next != *self.baseline() {
                self.learner.replace(next.clone());
            }
            self.base = next;
            return Ok((told, Saved { edited, written }));
        }
    }

    fn lock(&self, patience: Patience) -> Result<Lock, SaveError> {
        let failed = |error| SaveError::Io { what: "lock", path: self.path.clone(), error };
        match patience {
            Patience::Any => Lock::wait(&self.path).map_err(failed),
            Patience::None => {
                Lock::attempt(&self.path).map_err(failed)?.ok_or_else(|| SaveError::Busy(self.path.clone()))
            }
        }
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

    /// Writes the file, unless it is another than the one that is known by now.
    fn write(&mut self, baseline: &Baseline) -> Result<bool, SaveError> {
        let written = file::write(&self.path, &baseline.to_string(), self.stamp);
        let written = written.map_err(|error| SaveError::Io { what: "write", path: self.path.clone(), error })?;
        self.stamp = written.or(self.stamp);
        Ok(written.is_some())
    }
}
