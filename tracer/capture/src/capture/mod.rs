//! Capture as one object, whatever the layer: start it, wait, drain, stop it, and read the sum.

mod kernel;
mod names;
mod scan;

use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use egret_model::{Degradation, Event, Identity, Layer, OpenConnections, Owner, Tally};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thiserror::Error;

use crate::Enforcement;
use crate::kernel::{LoadError, Probe};
use kernel::KernelCapture;
use scan::ScanCapture;

/// Which layer, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The layer asked for; `None` for the best that works.
    pub layer: Option<Layer>,
    /// Bytes of the flow ring: a power of two, at least a page.
    pub ring_bytes: u32,
    /// A record for every send.
    pub every_send: bool,
    /// List the sockets that stand already, first of all.
    pub standing: bool,
    /// Which names to gather for peers; `None` for none.
    pub names: Option<NamesOptions>,
    /// Report what open connections have moved this often; `None` for at their end alone.
    pub totals: Option<Duration>,
    /// Look for `TRACEPARENT` in the environment of processes. It makes every exec longer.
    pub trace_context: bool,
    /// Be ready to look up who sends a packet and to let learned flows pass ([`Capture::enforcement`]). Without it none of
    /// that takes memory or time; with it, next to none before [`crate::Grants::set_policy`].
    pub enforce: bool,
}

/// Which names to gather, and how to keep them.
#[derive(Clone, Debug)]
pub struct NamesOptions {
    /// Read DNS messages.
    pub dns: bool,
    /// Read TLS server names; the `sockets` layer alone does.
    pub sni: bool,
    /// How they are kept, and whether a hosts file is read.
    pub settings: egret_names::Settings,
}

impl NamesOptions {
    /// Whether packets are to be looked at.
    pub(crate) const fn reads_packets(&self) -> bool {
        self.dns || self.sni
    }
}

/// Why capture could not start.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The layer asked for needs a privilege that is not there.
    #[error("the {layer} layer cannot work here: {missing}; {remedy}", layer = .layer.as_str(), remedy = Degradation::NoBpfPrivilege.remedy())]
    Privilege {
        /// The layer asked for.
        layer: Layer,
        /// What is missing.
        missing: String,
    },
    /// The kernel refused.
    #[error("the {layer} layer cannot work here: {source}", layer = .layer.as_str())]
    Load {
        /// The layer asked for.
        layer: Layer,
        /// Why.
        source: LoadError,
    },
}

/// Capture at work.
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
    /// Starts the layer asked for, or the best that works: `sockets`, `syscalls`, then `procfs`, which needs nothing. Why a
    /// better one was passed over is logged.
    ///
    /// # Errors
    ///
    /// When the layer asked for cannot work here.
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
            if let crate::kernel::Support::No(missing) = &probe.privilege {
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

    /// The layer at work.
    #[must_use]
    pub fn layer(&self) -> Layer {
        match &self.source {
            Source::Kernel(capture) => capture.layer(),
            Source::Scan(_) => Layer::Procfs,
        }
    }

    /// What is missing, and so not seen.
    #[must_use]
    pub fn degradations(&self) -> &[Degradation] {
        &self.degradations
    }

    /// Marks a process, and all that it will start from now on, as followed (`Event::followed`), or takes the mark
    /// away from it again; what it has started keeps it.
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

    /// Waits for records, for one of the `others` to be readable, or for `limit` to pass. Says which of the others
    /// are readable, as bits in their order.
    pub fn wait(&mut self, others: &[BorrowedFd<'_>], limit: Option<Duration>) -> u32 {
        match &mut self.source {
            Source::Kernel(capture) => capture.wait(others, limit),
            Source::Scan(capture) => wait_for(others, &[], shorter(limit, capture.until_next())),
        }
    }

    /// Takes what there is and appends what it means to `out`. Says whether there may be more at once.
    pub fn drain(&mut self, out: &mut Vec<Event>) -> bool {
        match &mut self.source {
            Source::Kernel(capture) => capture.drain(out),
            Source::Scan(capture) => capture.scan_if_due(out),
        }
    }

    /// Takes the programs out of the kernel and reads what is left.
    pub fn stop(&mut self, out: &mut Vec<Event>) {
        match &mut self.source {
            Source::Kernel(capture) => capture.stop(out),
            Source::Scan(capture) => capture.scan(out),
        }
    }

    /// What the threads that judge packets need, if [`Options::enforce`] asked for it. Call it in a thread of the network
    /// namespace that is judged.
    ///
    /// # Errors
    ///
    /// The namespace cannot be told from others.
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
    /// Everything that was recorded up to now is taken first, and appended to `out`: the exec that began the process and the
    /// DNS answer that it acted on came before the packet. What is not certain is absent.
    pub fn identify(&mut self, owner: &Owner, peer: IpAddr, out: &mut Vec<Event>) -> Identity {
        match &mut self.source {
            Source::Kernel(capture) => capture.identify(owner, peer, out),
            Source::Scan(capture) => capture.identify(owner, peer),
        }
    }

    /// The connections that are open, as of the last report of totals; `None` where totals are not reported.
    #[must_use]
    pub fn open(&self) -> Option<Arc<OpenConnections>> {
        match &self.source {
            Source::Kernel(capture) => capture.open(),
            Source::Scan(_) => None,
        }
    }

    /// What is known of names; `None` where none are gathered.
    #[must_use]
    pub fn names(&self) -> Option<egret_names::State> {
        match &self.source {
            Source::Kernel(capture) => capture.names(),
            Source::Scan(capture) => capture.names(),
        }
    }

    /// The sum so far. After [`Self::stop`], `captured` is exactly `delivered` and what was lost.
    #[must_use]
    pub fn tally(&self) -> Tally {
        match &self.source {
            Source::Kernel(capture) => capture.tally(),
            Source::Scan(capture) => capture.tally(),
        }
    }
}

/// Waits until one of the descriptors is readable or time has passed; says which of the `others` are, as bits.
fn wait_for(others: &[BorrowedFd<'_>], rings: &[BorrowedFd<'_>], limit: Duration) -> u32 {
    let mut fds: Vec<PollFd<'_>> = others.iter().chain(rings).map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    // Round up: a wait of zero milliseconds for the last fraction of one would spin.
    let limit = limit.saturating_add(Duration::from_micros(999));
    // Interrupted or refused, the caller looks at everything all the same.
    let _ = poll(&mut fds, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX));
    let readable = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
    fds.iter()
        .take(others.len().min(32))
        .enumerate()
        .filter(|(_, fd)| readable(fd))
        .fold(0, |bits, (index, _)| bits | 1 << index)
}

fn shorter(limit: Option<Duration>, other: Duration) -> Duration {
    limit.map_or(other, |limit| limit.min(other))
}
