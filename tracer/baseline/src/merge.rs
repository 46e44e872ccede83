//! `egret baseline merge`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use egret_enforcer::baseline::{self, Baseline, Precision};
use egret_enforcer::store::{FileStore, Patience};
use egret_view::exit;

pub(super) fn run(files: &[PathBuf], output: Option<&Path>, out: &mut dyn Write) -> Result<u8> {
    let mut merged = Baseline::default();
    for file in files {
        for rule in baseline::merge(&mut merged, super::read(file)?) {
            eprintln!("egret: {}: conflicts with another baseline, so the result denies: {rule}", file.display());
        }
    }
    match output {
        None => write!(out, "{merged}")?,
        Some(file) => {
            let mut store = FileStore::open(file, Precision::default())?;
            store.edit(Patience::Any, |baseline| baseline.clone_from(&merged))?;
        }
    }
    Ok(exit::DONE)
}
