//! Looking the owner of a packet up.

use std::sync::Arc;

use egret_model::{Attribution, Flow, Owner, Transport};
use egret_wire::{ProcessRef, TupleOwner};

use super::convert::{process_id, tuple_key};
use super::search::Search;
use crate::diag::Diag;
use crate::kernel::{OwnerTables, ProcessTable};

/// Finds who sends a packet. One for each thread that judges; it holds 32 KiB, and with the first search some hundred more.
pub struct Owners {
    tables: Option<OwnerTables>,
    diag: Option<Diag>,
    processes: Option<Arc<ProcessTable>>,
    search: Option<Search>,
}

impl Owners {
    pub(super) fn new(tables: Option<OwnerTables>, processes: Option<Arc<ProcessTable>>) -> Self {
        let diag = Diag::open().inspect_err(|error| tracing::warn!(%error, "connected datagram sockets are not found"));
        Self { tables, diag: diag.ok(), processes, search: None }
    }

    /// The owner, as the kernel side noted it: exact, or nobody. Fast enough for the path of a packet: one look-up in a map for
    /// TCP, and for datagrams one more and a question to `sock_diag`.
    ///
    /// Nobody is named for a connection that stood when the policy became active, for other transports than TCP, UDP and
    /// UDP-Lite, and where several processes send between the same ends.
    pub fn find(&mut self, flow: &Flow) -> Option<Owner> {
        match flow.transport {
            Transport::Tcp => self.noted(flow).filter(|noted| noted.rival == 0).map(|noted| by_tuple(&noted)),
            Transport::Udp | Transport::UdpLite => self.datagram(flow),
            _ => None,
        }
    }

    /// The owner as a search through `/proc` shows it: whoever alone holds a socket that could have sent the packet. It takes
    /// a system call for every descriptor of the host, and who is found may not be who it was.
    pub fn search(&mut self, flow: &Flow) -> Option<Owner> {
        let processes = &self.processes;
        self.search.get_or_insert_with(|| Search::new(processes.clone())).owner(flow, self.diag.as_mut())
    }

    /// Whether the other end opened a connection of TCP that stands, as far as can be told afterwards: a socket listens at
    /// this end.
    pub fn is_inbound(&mut self, flow: &Flow) -> bool {
        let Some(diag) = self.diag.as_mut().filter(|_| flow.transport == Transport::Tcp) else { return false };
        diag.listener(flow.local).is_ok_and(|listener| listener.is_some())
    }

    /// A socket that is connected between these ends is asked for first: one that is gone has left a note by then.
    fn datagram(&mut self, flow: &Flow) -> Option<Owner> {
        let connected = self.connected(flow);
        let noted = self.noted(flow);
        let Some(cookie) = connected else {
            return noted.filter(|noted| noted.rival == 0).map(|noted| by_tuple(&noted));
        };
        let Some(holder) = self.holder(cookie) else {
            return noted.filter(|noted| noted.cookie == cookie && noted.rival == 0).map(|noted| by_tuple(&noted));
        };
        // The packet may also be from an unconnected socket on the same port.
        let is_contested = noted.is_some_and(|noted| {
            let is_other = noted.process.pid != holder.pid || noted.process.start_ns != holder.start_ns;
            noted.cookie != cookie && is_other && self.holder(noted.cookie).is_some()
        });
        let owner = Owner { process: process_id(&holder), cookie, attribution: Attribution::Diag };
        (!is_contested).then_some(owner)
    }

    fn noted(&self, flow: &Flow) -> Option<TupleOwner> {
        self.tables.as_ref()?.tuples.get(&tuple_key(flow)?, 0).ok()
    }

    /// Cookie of the socket whose two ends are exactly these.
    fn connected(&mut self, flow: &Flow) -> Option<u64> {
        self.diag.as_mut()?.lookup(flow.transport, flow.local, flow.peer).ok()??.cookie
    }

    fn holder(&self, cookie: u64) -> Option<ProcessRef> {
        self.tables.as_ref()?.cookies.get(&cookie, 0).ok()
    }
}

fn by_tuple(noted: &TupleOwner) -> Owner {
    Owner { process: process_id(&noted.process), cookie: noted.cookie, attribution: Attribution::Tuple }
}
