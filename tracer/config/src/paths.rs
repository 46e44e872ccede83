//! Paths of the daemon's socket, log and baseline, for the other commands: the path named on the command line, else the
//! configured one if this user can read the configuration, else the default.

use std::path::{Path, PathBuf};

use egret_exporters::parquet::Destination;

use crate::{DEFAULT_BASELINE, DEFAULT_LOG_DIRECTORY, DEFAULT_SOCKET, Settings, load};

#[must_use]
pub fn socket(named: Option<&Path>) -> PathBuf {
    find(named, DEFAULT_SOCKET, |settings| Some(settings.control.socket))
}

/// The directory of the log, or the URL of its bucket.
#[must_use]
pub fn log(named: Option<&Path>) -> PathBuf {
    find(named, DEFAULT_LOG_DIRECTORY, log_destination)
}

/// The directory or URL of the log in a configuration file.
///
/// # Errors
///
/// The configuration has errors, or no log.
pub fn configured_log(file: &Path) -> Result<PathBuf, String> {
    let loaded = load(Some(file), std::env::vars_os()).map_err(|problems| problems.to_string())?;
    log_destination(loaded.settings).ok_or_else(|| "it has no log: parquet.enabled is false".to_owned())
}

/// The baseline in a configuration file.
///
/// # Errors
///
/// The configuration has errors, or no baseline.
pub fn configured_baseline(file: &Path) -> Result<PathBuf, String> {
    let loaded = load(Some(file), std::env::vars_os()).map_err(|problems| problems.to_string())?;
    let baseline = loaded.settings.baseline.ok_or("it has no baseline: baseline.enabled is false")?;
    Ok(baseline.file)
}

fn log_destination(settings: Settings) -> Option<PathBuf> {
    match settings.parquet?.destination {
        Destination::Directory(directory) => Some(directory),
        Destination::Bucket(url) => Some(url.into()),
    }
}

#[must_use]
pub fn baseline(named: Option<&Path>) -> PathBuf {
    find(named, DEFAULT_BASELINE, |settings| Some(settings.baseline?.file))
}

fn find(named: Option<&Path>, default: &str, configured: impl FnOnce(Settings) -> Option<PathBuf>) -> PathBuf {
    let settings = || load(None, std::env::vars_os()).ok().map(|loaded| loaded.settings);
    named.map(Path::to_owned).or_else(|| configured(settings()?)).unwrap_or_else(|| default.into())
}
