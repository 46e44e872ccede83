//! Where files and lines go.

use std::path::{Path, PathBuf};

use egret_exporters::{json, parquet};

use crate::config::DEFAULT_LOG_DIRECTORY;
use crate::config::given::{Fault, Given};
use crate::config::slot::Setting;
use crate::config::toml_text::quoted;

/// How the name of a bucket begins.
const BUCKET: &str = "s3://";

/// What stands for standard output.
const STDOUT: &str = "stdout";

/// Where Parquet files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct ParquetDestination(pub(in crate::config) parquet::Destination);

impl Default for ParquetDestination {
    fn default() -> Self {
        Self(parquet::Destination::Directory(PathBuf::from(DEFAULT_LOG_DIRECTORY)))
    }
}

impl Setting for ParquetDestination {
    fn expected() -> String {
        "a directory (absolute path), or a bucket as \"s3://BUCKET/PREFIX\"".to_owned()
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        given.read(&Self::expected(), |text| {
            let read = if text.starts_with(BUCKET) { bucket(text) } else { directory(text) };
            read.map(Self).ok_or_else(|| format!("expected {}", Self::expected()))
        })
    }

    fn show(&self) -> Option<String> {
        Some(match &self.0 {
            parquet::Destination::Directory(path) => quoted(&path.to_string_lossy()),
            parquet::Destination::Bucket(url) => quoted(url),
        })
    }
}

fn bucket(url: &str) -> Option<parquet::Destination> {
    let name = url.strip_prefix(BUCKET)?.split('/').next()?;
    (!name.is_empty()).then(|| parquet::Destination::Bucket(url.to_owned()))
}

fn directory(path: &str) -> Option<parquet::Destination> {
    Path::new(path).is_absolute().then(|| parquet::Destination::Directory(PathBuf::from(path)))
}

/// Where JSON lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct JsonDestination(pub(in crate::config) json::Destination);

impl Default for JsonDestination {
    fn default() -> Self {
        Self(json::Destination::Stdout)
    }
}

impl Setting for JsonDestination {
    fn expected() -> String {
        format!("a file (absolute path), or {}", quoted(STDOUT))
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        given.read(&Self::expected(), |text| match text {
            STDOUT => Ok(Self(json::Destination::Stdout)),
            path if Path::new(path).is_absolute() => Ok(Self(json::Destination::File(PathBuf::from(path)))),
            _ => Err(format!("expected {}", Self::expected())),
        })
    }

    fn show(&self) -> Option<String> {
        Some(match &self.0 {
            json::Destination::Stdout => quoted(STDOUT),
            json::Destination::File(path) => quoted(&path.to_string_lossy()),
        })
    }
}
