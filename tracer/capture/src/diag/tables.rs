//! The socket tables of `/proc/net`, for transports without a netlink list and for the `procfs` layer.

use std::net::SocketAddr;
use std::path::Path;

use egret_model::Transport;
use procfs::net::{TcpNetEntries, UdpNetEntries};
use procfs::process::Process;

use super::DiagError;
use super::socket::{DiagSocket, endpoint, exact_transport, peer};

const AF_INET: u16 = 2;

/// A file of `/proc/net`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Path below `/proc/PID`.
    path: &'static str,
    pub(crate) transport: Transport,
}

/// Every table with addresses. The protocol of a raw socket is in its entry.
pub(crate) const TABLES: [Table; 10] = [
    Table { path: "net/tcp", transport: Transport::Tcp },
    Table { path: "net/tcp6", transport: Transport::Tcp },
    Table { path: "net/udp", transport: Transport::Udp },
    Table { path: "net/udp6", transport: Transport::Udp },
    Table { path: "net/udplite", transport: Transport::UdpLite },
    Table { path: "net/udplite6", transport: Transport::UdpLite },
    Table { path: "net/raw", transport: Transport::Raw(255) },
    Table { path: "net/raw6", transport: Transport::Raw(255) },
    Table { path: "net/icmp", transport: Transport::Icmp },
    Table { path: "net/icmp6", transport: Transport::Icmp },
];

/// The calling thread, whose `net` directory is that of the namespace it is in.
pub(crate) fn this_thread() -> Result<Process, DiagError> {
    let failed = |source| DiagError::Table { table: "net", source };
    let thread = std::fs::read_link("/proc/thread-self").map_err(|error| failed(error.into()))?;
    Process::new_with_root(Path::new("/proc").join(thread)).map_err(failed)
}

/// Reads a table of the network namespace that a process is in.
pub(crate) fn read(process: &Process, table: Table) -> Result<Vec<DiagSocket>, DiagError> {
    let failed = |source| DiagError::Table { table: table.path, source };
    // The two kinds of tables have the same columns, of different types.
    if table.transport == Transport::Tcp {
        let entries: TcpNetEntries = process.read_si(table.path).map_err(failed)?;
        let line = |line: procfs::net::TcpNetEntry| {
            let endpoints = (line.local_address, line.remote_address);
            socket(table.transport, line.state.to_u8(), endpoints, line.inode, line.uid)
        };
        return Ok(entries.0.into_iter().map(line).collect());
    }
    let entries: UdpNetEntries = process.read_si(table.path).map_err(failed)?;
    let line = |line: procfs::net::UdpNetEntry| {
        let endpoints = (line.local_address, line.remote_address);
        socket(table.transport, line.state.to_u8(), endpoints, line.inode, line.uid)
    };
    Ok(entries.0.into_iter().map(line).collect())
}

fn socket(transport: Transport, state: u8, endpoints: (SocketAddr, SocketAddr), inode: u64, uid: u32) -> DiagSocket {
    let (local, remote) = endpoints;
    DiagSocket {
        transport: exact_transport(transport, AF_INET, local.port()),
        state,
        local: endpoint(transport, local.ip(), local.port()),
        peer: peer(transport, remote.ip(), remote.port()),
        interface: 0,
        cookie: None,
        inode,
        uid: Some(uid),
    }
}
