//! A wall clock for a daemon, which a test sets; the boot clock stays that of the host.

use std::fs;
use std::path::PathBuf;

use crate::Setup;

/// The configuration file of `libfaketime` for one program.
#[derive(Debug)]
pub struct WallClock {
    file: PathBuf,
}

impl WallClock {
    /// Gives a daemon a wall clock with this offset from the host's, such as `+40d` or `-1h`.
    ///
    /// # Panics
    ///
    /// If `libfaketime` is not installed.
    #[must_use]
    pub fn give(setup: Setup, apart: &str) -> (Setup, Self) {
        let clock = Self { file: setup.path("clock") };
        clock.set(apart);
        let library = fs::read_dir("/usr/lib").expect("a system has libraries").filter_map(Result::ok);
        let library = library.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file());
        let setup = setup
            .variable("LD_PRELOAD", &library.expect("the package libfaketime").to_string_lossy())
            .variable("FAKETIME_TIMESTAMP_FILE", &clock.file.to_string_lossy())
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("NO_FAKE_STAT", "1");
        (setup, clock)
    }

    /// Sets the clock while the daemon runs.
    ///
    /// # Panics
    ///
    /// If its file cannot be written.
    pub fn set(&self, apart: &str) {
        // Replaced atomically: the daemon reads it at every query of the time.
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, apart).expect("the directory is ours");
        fs::rename(&fresh, &self.file).expect("the directory is ours");
    }
}
