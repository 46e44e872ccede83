//! Segmentation and merging by the kernel: one call, many datagrams.

use std::thread;

use anyhow::{Context, Result, bail};

use crate::helper::with_server;
use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::server::Serve;
use crate::sockets;

/// Datagrams a call; with the default size well below the largest payload of 65,507 bytes.
const SEGMENTS: usize = 32;

/// The way `udp-gso`: each send is cut into datagrams of `--size` by the kernel (`UDP_SEGMENT`).
pub(crate) fn segmented(options: &Options) -> Result<Report> {
    run(options, if options.one_way { Serve::UdpSink } else { Serve::UdpEcho })
}

/// The way `udp-gro`: the same, and the peer gets them merged again (`UDP_GRO`) and answers with one datagram.
pub(crate) fn merged(options: &Options) -> Result<Report> {
    run(options, Serve::UdpGro)
}

fn run(options: &Options, serve: Serve) -> Result<Report> {
    let size = options.datagram_size()?;
    if size * SEGMENTS > 65_000 {
        bail!("--size {size} is too much for {SEGMENTS} segments in one send");
    }
    with_server(options, serve, |peer| {
        let socket = sockets::udp(peer)?;
        sockets::set_option(&socket, libc::SOL_UDP, libc::UDP_SEGMENT, i32::try_from(size)?)
            .context("cannot set UDP_SEGMENT")?;
        let mut flow = Flow::client(Transport::Udp).with_peer(peer);
        if flow.note(socket.connect(peer)).is_some() {
            thread::sleep(options.hold());
            exchange(&socket, options, size, &mut flow);
        }
        flow.finish(&socket);
        Ok(Report::of(flow))
    })
}

/// Sends `--bytes`, and reads all that comes back for one send before the next; stops at the first error.
fn exchange(socket: &std::net::UdpSocket, options: &Options, size: usize, flow: &mut Flow) {
    let (data, mut buffer) = (vec![0x5a; size * SEGMENTS], vec![0; 65_536]);
    let mut left = options.bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(data.len()).min(data.len());
        let Some(sent) = flow.note_send(socket.send(&data[..length])) else { return };
        let mut due = if options.one_way { 0 } else { sent };
        while due > 0 {
            let Some(received) = flow.note_receive(socket.recv(&mut buffer)) else { return };
            due = due.saturating_sub(received);
        }
        left -= sent as u64;
    }
}
