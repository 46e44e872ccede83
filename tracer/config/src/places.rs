//! Where other commands find what the daemon has: at the place that was named, else at the one that the configuration names, as
//! far as that can be read here, else at the usual one.

use std::path::{Path, PathBuf};

use egret_exporters::parquet::Destination;

use crate::{DEFAULT_BASELINE, DEFAULT_LOG_DIRECTORY, DEFAULT_SOCKET, Settings, load};

/// The control socket.
#[must_use]
pub fn socket(named: Option<&Path>) -> PathBuf {
    find(named, DEFAULT_SOCKET, |settings| Some(settings.control.socket))
}

/// The directory of the log, or the URL of its bucket.
#[must_use]
pub fn log(named: Option<&Path>) -> PathBuf {
    find(named, DEFAULT_LOG_DIRECTORY, log_of)
}

/// The same, where this configuration has it.
///
/// # Errors
///
/// What is wrong with the configuration, or that it has no log.
pub fn configured_log(file: &Path) -> Result<PathBuf, String> {
    let loaded = load(Some(file), std::env::vars_os()).map_err(|problems| problems.to_string())?;
    log_of(loaded.settings).ok_or_else(|| "it has no log: parquet.enabled is false".to_owned())
}

/// The baseline, where this configuration has it.
///
/// # Errors
///
/// What is wrong with the configuration, or that it has no baseline.
pub fn configured_baseline(file: &Path) -> Result<PathBuf, String> {
    let loaded = load(Some(file), std::env::vars_os()).map_err(|problems| problems.to_string())?;
    let baseline = loaded.settings.baseline.ok_or("it has no baseline: baseline.enabled is false")?;
    Ok(baseline.file)
}

fn log_of(settings: Settings) -> Option<PathBuf> {
    match settings.parquet?.destination {
        Destination::Directory(directory) => Some(directory),
        Destination::Bucket(url) => Some(url.into()),
    }
}

/// The baseline.
#[must_use]
pub fn baseline(named: Option<&Path>) -> PathBuf {
    find(named, DEFAULT_BASELINE, |settings| Some(settings.baseline?.file))
}

fn find(named: Option<&Path>, usual: &str, configured: impl FnOnce(Settings) -> Option<PathBuf>) -> PathBuf {
    let settings = || load(None, std::env::vars_os()).ok().map(|loaded| loaded.settings);
    named.map(Path::to_owned).or_else(|| configured(settings()?)).unwrap_or_else(|| usual.into())
}
