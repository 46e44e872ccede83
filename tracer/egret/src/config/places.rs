//! Where other commands find what the daemon has: at the place that was named, else at the one that the configuration names, as
//! far as that can be read here, else at the usual one.

use std::path::{Path, PathBuf};

use egret_exporters::parquet::Destination;

use super::{DEFAULT_BASELINE, DEFAULT_LOG_DIRECTORY, DEFAULT_SOCKET, Settings, load};

/// The control socket.
pub(crate) fn socket(named: Option<&Path>) -> PathBuf {
    find(named, DEFAULT_SOCKET, |settings| Some(settings.control.socket))
}

/// The directory of the log, or the URL of its bucket.
pub(crate) fn log(named: Option<&Path>) -> PathBuf {
    find(named, DEFAULT_LOG_DIRECTORY, |settings| match settings.parquet?.destination {
        Destination::Directory(directory) => Some(directory),
        Destination::Bucket(url) => Some(url.into()),
    })
}

/// The baseline.
pub(crate) fn baseline(named: Option<&Path>) -> PathBuf {
    find(named, DEFAULT_BASELINE, |settings| Some(settings.baseline?.file))
}

fn find(named: Option<&Path>, usual: &str, configured: impl FnOnce(Settings) -> Option<PathBuf>) -> PathBuf {
    let settings = || load(None, std::env::vars_os()).ok().map(|loaded| loaded.settings);
    named.map(Path::to_owned).or_else(|| configured(settings()?)).unwrap_or_else(|| usual.into())
}
