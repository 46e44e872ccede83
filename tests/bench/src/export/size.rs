//! Bytes a connection on disk.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use egret_exporters::json;
use egret_exporters::sink::Batch;
use egret_model::EventName;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Bench;
use super::feed::{batches, saturate};
use super::subject::Subject;
use crate::report::{Aims, Table, bytes};

/// Bytes a connection.
const AIM: f64 = 30.0;

/// Measures; returns Markdown.
pub(super) fn measure(bench: &Bench<'_>) -> Result<String> {
    let batches = batches(bench.options.events());
    let connections =
        batches.iter().flat_map(|batch| batch.iter()).filter(|event| event.name != EventName::ConnectionClose).count();
    let directory = bench.fresh_directory()?;
    let running = Subject::Parquet.start(&directory, &bench.receiver, None)?;
    saturate(&[&running.sender], &batches);
    let account = running.finish()?;
    if account.sent != account.enqueued {
        bail!("not every event is in a file: {account:?}");
    }
    let (plain, gzip) = json_size(&batches)?;
    let mut aims = Aims::default();
    let mut table = Table::new(["form", "size", "bytes a connection", "relative to Parquet"]);
    let parquet = size_below(&directory.join("parquet"))?;
    if parquet == 0 {
        bail!("the files have gone");
    }
    for (form, size) in [("Parquet, zstd 3", parquet), ("JSON lines, gzip 6", gzip), ("JSON lines", plain)] {
        let each = size as f64 / connections as f64;
        table.row([form, &bytes(size), &format!("{each:.1}"), &format!("{:.2}", size as f64 / parquet as f64)]);
    }
    let each = parquet as f64 / connections as f64;
    aims.add("Parquet", &format!("at most {AIM} bytes a connection"), &format!("{each:.1}"), each <= AIM);
    Ok(format!(
        "{aims}\n{connections} connections, of each its opening and nearly always its close; two thirds TCP with a name, one third \
         look-ups over UDP, by 320 processes to 2,000 peers (tests/bench/src/export/population.rs).\n\n{table}"
    ))
}

fn json_size(batches: &[Batch]) -> Result<(u64, u64)> {
    let (mut writer, mut text) = (json::Writer::default(), Vec::new());
    let mut compressed = GzEncoder::new(Vec::new(), Compression::new(6));
    let mut plain = 0;
    for batch in batches {
        text.clear();
        batch.iter().for_each(|event| writer.write(&mut text, event));
        plain += text.len();
        compressed.write_all(&text)?;
    }
    Ok((u64::try_from(plain)?, u64::try_from(compressed.finish()?.len())?))
}

fn size_below(directory: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += if metadata.is_dir() { size_below(&entry.path())? } else { metadata.len() };
    }
    Ok(size)
}
