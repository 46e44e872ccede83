//! The options of capture.

use std::time::Duration;

use egret_model::Layer;

use crate::host::ContainerNames;

#[derive(Clone, Debug)]
pub struct Options {
    /// The requested layer; `None` for the best that works.
    pub layer: Option<Layer>,
    /// Bytes of the flow ring: a power of two, at least a page.
    pub ring_bytes: u32,
    /// Write a record for every send.
    pub every_send: bool,
    /// Report preexisting sockets, before anything else.
    pub preexisting: bool,
    /// Which names to gather for peers; `None` for none.
    pub names: Option<NamesOptions>,
    /// The interval at which the totals of open connections are reported; `None` for only at their end. The
    /// `sockets` layer does, where the kernel counts the bytes of calls.
    pub totals: Option<Duration>,
    /// Look for `TRACEPARENT` in the environment of processes. It makes every exec longer.
    pub trace_context: bool,
    /// Resolves the names of containers; `None` for no names.
    pub containers: Option<ContainerNames>,
    /// Prepare to find the owners of packets and to let learned flows pass ([`crate::Capture::enforcement`]).
    /// Without this option that takes neither memory nor time, with it next to none before
    /// [`crate::Grants::set_policy`].
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
    /// Names that an earlier egret kept, if packets are read.
    pub kept: Vec<egret_names::SavedName>,
}

impl NamesOptions {
    /// Whether packets are read.
    pub(crate) const fn reads_packets(&self) -> bool {
        self.dns || self.sni
    }
}
