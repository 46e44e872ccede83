//! Destinations of Parquet files and JSON lines.

use std::path::{Path, PathBuf};

use egret_exporters::{json, parquet};

use super::Kind;
use crate::raw::{Invalid, RawValue};
use crate::toml_text::quoted;

const BUCKET: &str = "s3://";

const STDOUT: &str = "stdout";

pub struct ParquetDestination;

impl Kind for ParquetDestination {
    type Value = parquet::Destination;

    fn expected() -> String {
        "a directory (absolute path), or a bucket as \"s3://BUCKET/PREFIX\"".to_owned()
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        raw.read(&Self::expected(), |text| {
            let read = if text.starts_with(BUCKET) { bucket(text) } else { directory(text) };
            read.ok_or_else(|| format!("expected {}", Self::expected()))
        })
    }

    fn show(value: &Self::Value) -> Option<String> {
        Some(match value {
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

pub struct JsonDestination;

impl Kind for JsonDestination {
    type Value = json::Destination;

    fn expected() -> String {
        format!("a file (absolute path), or {}", quoted(STDOUT))
    }

    fn read(raw: &RawValue) -> Result<Self::Value, Vec<Invalid>> {
        raw.read(&Self::expected(), |text| match text {
            STDOUT => Ok(json::Destination::Stdout),
            path if Path::new(path).is_absolute() => Ok(json::Destination::File(PathBuf::from(path))),
            _ => Err(format!("expected {}", Self::expected())),
        })
    }

    fn show(value: &Self::Value) -> Option<String> {
        Some(match value {
            json::Destination::Stdout => quoted(STDOUT),
            json::Destination::File(path) => quoted(&path.to_string_lossy()),
        })
    }
}
