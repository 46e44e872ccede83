//! Executables that are deleted or replaced.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::helper::{report_of, with_server};
use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::server::Serve;

/// A directory that is removed with its content.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("egret-traffic-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A drop cannot report errors, and a leftover is one temporary file.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The way `exec-replaced`: a copy of this program connects; with `--unlink` or `--replace` its file is deleted or
/// replaced before that.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let scratch = Scratch::new()?;
    let copy = scratch.0.join("copied-traffic");
    std::fs::copy("/proc/self/exe", &copy).context("cannot copy this program")?;
    let serve = if options.inner.is_datagram() { Serve::UdpEcho } else { Serve::TcpEcho };
    with_server(options, serve, |peer| {
        let mut child = Command::new(&copy)
            .arg(options.inner.name())
            .args(["--wait-stdin", "--peer", &peer.to_string(), "--bytes", &options.bytes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run the copy")?;
        // The child runs the copy (`spawn` waits for the exec), and waits for the end of its standard input.
        disturb(options, &copy)?;
        drop(child.stdin.take());
        let report = Report::of(Flow::client(Transport::None)).detail("copy", copy.display().to_string());
        Ok(report.with_child(Some(report_of(child)?)))
    })
}

fn disturb(options: &Options, copy: &PathBuf) -> Result<()> {
    if options.unlink {
        std::fs::remove_file(copy).context("cannot delete the copy")?;
    }
    if options.replace {
        let other = copy.with_extension("new");
        std::fs::copy("/bin/true", &other).context("cannot copy another program")?;
        std::fs::rename(&other, copy).context("cannot replace the copy")?;
    }
    Ok(())
}
