//! Link-layer frames.

use std::ffi::CStr;
use std::io::{self, Read};
use std::mem::size_of;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::sockets;

/// IEEE 802 local experimental EtherType 1: nothing on the host listens for it.
const ETHERTYPE: u16 = 0x88b5;
const INTERFACE: &CStr = c"lo";

/// The way `packet`: frames of an experimental EtherType over loopback, each read back by the same socket.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let protocol = Protocol::from(i32::from(ETHERTYPE.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol)).context("cannot make a packet socket")?;
    let socket = sockets::patient(socket)?;
    let address = destination()?;
    let mut flow = Flow::client(Transport::Packet);
    let size = options.datagram_size()?;
    let (data, mut buffer, mut reader) = (vec![0x5a; size], vec![0; size], &socket);
    let mut left = options.bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(size).min(size);
        let Some(sent) = flow.note_send(send(&socket, &address, &data[..length])) else { break };
        if !options.one_way && flow.note_receive(reader.read(&mut buffer)).is_none() {
            break;
        }
        left -= sent as u64;
    }
    flow.finish(&socket);
    Ok(Report::of(flow).detail("interface", "lo").detail("ethertype", ETHERTYPE))
}

fn destination() -> Result<libc::sockaddr_ll> {
    // SAFETY: all zeroes is a valid `sockaddr_ll`.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET)?;
    address.sll_protocol = ETHERTYPE.to_be();
    address.sll_halen = 6;
    // SAFETY: the name ends with a zero byte.
    address.sll_ifindex = i32::try_from(unsafe { libc::if_nametoindex(INTERFACE.as_ptr()) })?;
    Ok(address)
}

fn send(socket: &Socket, address: &libc::sockaddr_ll, data: &[u8]) -> io::Result<usize> {
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
    // SAFETY: data and address are valid for the lengths given.
    sockets::bytes(unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            data.as_ptr().cast(),
            data.len(),
            0,
            std::ptr::from_ref(address).cast(),
            length,
        )
    })
}
