//! Capture, by whichever layer: start, wait, drain, stop, and the account of losses.

mod kernel;
mod options;
mod rings;
mod scan;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use egret_model::{Degradation, Event, Identity, Layer, OpenConnections, Owner, Tally};
use thiserror::Error;

use crate::Enforcement;
use crate::kernel::{LoadError, Probe, Support};
use kernel::KernelCapture;
pub use options::{NamesOptions, Options};
use rings::{shorter, wait_for};
use scan::ScanCapture;

/// Why capture could not start.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The requested layer needs a privilege that is missing.
    #[error("the {layer} layer cannot work here: {missing}; {remedy}", layer = .layer.as_str(), remedy = Degradation::NoBpfPrivilege.remedy())]
    Privilege {
        /// The requested layer.
        layer: Layer,
        /// What is missing.
        missing: String,
    },
    /// The kernel refused.
    #[error("the {layer} layer cannot work here: {source}", layer = .layer.as_str())]
    Load {
        /// The requested layer.
        layer: Layer,
        /// Why.
        source: LoadError,
    },
}

/// A running capture.
pub struct Capture {
    source: Source,
    enforce: bool,
    degradations: Vec<Degradation>,
}

enum Source {
    Kernel(Box<KernelCapture>),
    Scan(Box<ScanCapture>),
}

impl Capture {
    /// Starts the requested layer, or the best that works: `sockets`, `syscalls`, then `procfs`, which needs
    /// nothing. The error of a better one is logged.
    ///
    /// # Errors
    ///
    /// The requested layer cannot work here.
    pub fn start(probe: &Probe, options: Options) -> Result<Self, CaptureError> {
        if let Some(layer) = options.layer {
            return Self::start_layer(probe, layer, &options);
        }
        for layer in [Layer::Sockets, Layer::Syscalls] {
            match Self::start_layer(probe, layer, &options) {
                Ok(capture) => return Ok(capture),
                Err(error) => tracing::warn!("{error}"),
            }
        }
        Self::start_layer(probe, Layer::Procfs, &options)
    }

    fn start_layer(probe: &Probe, layer: Layer, options: &Options) -> Result<Self, CaptureError> {
        let mut degradations = Vec::new();
        let source = if layer == Layer::Procfs {
            degradations.push(Degradation::ScanOnly);
            if options.names.as_ref().is_some_and(NamesOptions::reads_packets) {
                degradations.push(Degradation::NoNames);
            }
            Source::Scan(Box::new(ScanCapture::new(options)))
        } else {
            if let Support::No(missing) = &probe.privilege {
                return Err(CaptureError::Privilege { layer, missing: missing.clone() });
            }
            let capture =
                KernelCapture::start(probe, layer, options).map_err(|source| CaptureError::Load { layer, source })?;
            degradations.extend(capture.degradations());
            if layer == Layer::Syscalls && probe.cgroup.is_none() {
                degradations.push(Degradation::NoCgroup2);
            }
            Source::Kernel(Box::new(capture))
        };
        Ok(Self { source, enforce: options.enforce, degradations })
    }

    /// The layer that runs.
    #[must_use]
    pub fn layer(&self) -> Layer {
        match &self.source {
            Source::Kernel(capture) => capture.layer(),
            Source::Scan(_) => Layer::Procfs,
        }
    }

    /// What this kernel or user does not offer, and is not captured.
    #[must_use]
    pub fn degradations(&self) -> &[Degradation] {
        &self.degradations
    }

    /// Marks a process, and all that it starts from now on, as followed (`Event::followed`), or removes the mark
    /// from it. Processes that it has started keep theirs.
    ///
    /// # Errors
    ///
    /// When the kernel's table refuses the entry.
    pub fn follow(&mut self, pid: u32, followed: bool) -> Result<(), LoadError> {
        match &mut self.source {
            Source::Kernel(capture) => capture.follow(pid, followed),
            Source::Scan(capture) => {
                capture.follow(pid);
                Ok(())
            }
        }
    }

    /// Waits for records, for one of the `others` to be readable, or for `limit` to pass. Returns which of the
    /// others are readable, as bits in their order.
    pub fn wait(&mut self, others: &[BorrowedFd<'_>], limit: Option<Duration>) -> u32 {
        match &mut self.source {
            Source::Kernel(capture) => capture.wait(others, limit),
            Source::Scan(capture) => wait_for(others, &[], shorter(limit, capture.until_next())),
        }
    }

    /// Reads records and appends their events to `out`. Returns whether there may be more at once.
    pub fn drain(&mut self, out: &mut Vec<Event>) -> bool {
        match &mut self.source {
            Source::Kernel(capture) => capture.drain(out),
            Source::Scan(capture) => capture.scan_if_due(out),
        }
    }

    /// Detaches the programs and reads the remaining records.
    pub fn stop(&mut self, out: &mut Vec<Event>) {
        match &mut self.source {
            Source::Kernel(capture) => capture.stop(out),
            Source::Scan(capture) => capture.scan(out),
        }
    }

    /// The handles of the threads that evaluate packets, if [`Options::enforce`] is set. Call it in a thread of
    /// the network namespace that is enforced.
    ///
    /// # Errors
    ///
    /// The namespace has no cookie.
    pub fn enforcement(&self) -> Result<Option<Enforcement>, LoadError> {
        if !self.enforce {
            return Ok(None);
        }
        let shared = match &self.source {
            Source::Kernel(capture) => Some(capture.shared()),
            Source::Scan(_) => None,
        };
        Enforcement::new(shared).map(Some)
    }

    /// The process behind a packet and the name of its peer, in full.
    ///
    /// All records written up to now are read first, and their events appended to `out`: the exec of the process
    /// and the DNS answer that it used were recorded before the packet. What is uncertain is absent.
    pub fn identify(&mut self, owner: &Owner, peer: IpAddr, out: &mut Vec<Event>) -> Identity {
        match &mut self.source {
            Source::Kernel(capture) => capture.identify(owner, peer, out),
            Source::Scan(capture) => capture.identify(owner, peer),
        }
    }

    /// Whether the peer sent the first datagram to the owner's socket, from the records that were taken so far:
    /// the socket then only answers. Scans do not see that.
    pub fn spoke_first(&mut self, owner: &Owner, peer: SocketAddr) -> bool {
        match &mut self.source {
            Source::Kernel(capture) => capture.spoke_first(owner, peer),
            Source::Scan(_) => false,
        }
    }

    /// The open connections at the last report of totals; `None` if totals are not reported.
    #[must_use]
    pub fn open(&self) -> Option<Arc<OpenConnections>> {
        match &self.source {
            Source::Kernel(capture) => capture.open(),
            Source::Scan(_) => None,
        }
    }

    /// A snapshot of the names; `None` if none are gathered.
    #[must_use]
    pub fn names(&self) -> Option<egret_names::State> {
        match &self.source {
            Source::Kernel(capture) => capture.names(),
            Source::Scan(capture) => capture.names(),
        }
    }

    /// The names to keep over a restart; `None` if none are read from packets.
    #[must_use]
    pub fn keep_names(&self) -> Option<Vec<egret_names::SavedName>> {
        match &self.source {
            Source::Kernel(capture) => capture.keep_names(),
            Source::Scan(_) => None,
        }
    }

    /// The account so far. After [`Self::stop`], `captured` is the sum of `delivered` and `lost`.
    #[must_use]
    pub fn tally(&self) -> Tally {
        match &self.source {
            Source::Kernel(capture) => capture.tally(),
            Source::Scan(capture) => capture.tally(),
        }
    }
}
