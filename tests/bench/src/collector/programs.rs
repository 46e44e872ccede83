//! The measured programs, and a directory for their output.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::receiver::Receiver;

/// Paths of the programs. The scratch directory is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) egret: PathBuf,
    pub(crate) traffic: PathBuf,
    /// The address of the gRPC receiver.
    pub(super) spans: SocketAddr,
    scratch: PathBuf,
}

impl Programs {
    /// The programs that `cargo xtask bench` names, and a directory on tmpfs: a disk would be measured as well. Spans
    /// are sent to this receiver.
    pub(crate) fn find(receiver: &Receiver) -> Result<Self> {
        let scratch = Path::new("/dev/shm").join(format!("egret-bench-{}", std::process::id()));
        let (egret, traffic) = (from("EGRET_BIN")?, from("EGRET_TRAFFIC")?);
        let programs = Self { egret, traffic, spans: receiver.grpc, scratch };
        fs::create_dir_all(&programs.scratch).with_context(|| format!("cannot make {}", programs.scratch.display()))?;
        Ok(programs)
    }

    /// The directory for what they write.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }
}

fn from(variable: &str) -> Result<PathBuf> {
    let path =
        env::var_os(variable).with_context(|| format!("{variable} is not set; start with `cargo xtask bench`"))?;
    fs::canonicalize(&path).with_context(|| format!("there is no {}", path.display()))
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}
