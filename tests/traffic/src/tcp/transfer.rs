//! Ways to send and receive over an open connection.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::poll::PollFlags;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::sendfile::sendfile;
use nix::sys::uio::{readv, writev};
use nix::unistd::pipe;
use socket2::{MsgHdr, Socket};

use super::connect::wait_ready;
use crate::options::Options;
use crate::report::Flow;
use crate::sockets;

/// Bit of `tcpi_options`: data in the SYN was acknowledged (`include/uapi/linux/tcp.h`).
const TCPI_OPT_SYN_DATA: u8 = 32;

/// Bytes sent before reading the answer. They fit into the default socket and pipe buffers, so that the endpoints do
/// not wait for each other.
pub(crate) const CHUNK: usize = 32 * 1024;

/// A call that sends or receives up to this many bytes.
type Move<'a> = &'a mut dyn FnMut(usize) -> io::Result<usize>;

/// Sends `--bytes` and reads as many back, chunk by chunk; stops at the first error.
pub(crate) fn exchange(flow: &mut Flow, options: &Options, send: Move<'_>, receive: Move<'_>) {
    let mut left = options.bytes;
    while left > 0 {
        let chunk = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let sent = all_of(chunk, |rest| flow.note_send(send(rest)));
        if !sent || !(options.one_way || all_of(chunk, |rest| flow.note_receive(receive(rest)))) {
            return;
        }
        left -= chunk as u64;
    }
}

/// Repeats a call until it has transferred `length` bytes; false if it fails.
fn all_of(mut length: usize, mut call: impl FnMut(usize) -> Option<usize>) -> bool {
    while length > 0 {
        match call(length) {
            Some(moved @ 1..) => length -= moved,
            _ => return false,
        }
    }
    true
}

/// `send(2)` and `recv(2)`.
pub(crate) fn send_recv(socket: &Socket, _: SocketAddr, flow: &mut Flow, options: &Options) -> Result<()> {
    let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
    let mut reader = socket;
    exchange(flow, options, &mut |n| socket.send(&data[..n]), &mut |n| reader.read(&mut buffer[..n]));
    Ok(())
}

/// `send(2)` and `recv(2)` on a non-blocking socket, with `poll(2)`.
pub(crate) fn polled(socket: &Socket, _: SocketAddr, flow: &mut Flow, options: &Options) -> Result<()> {
    let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
    let mut reader = socket;
    exchange(flow, options, &mut |n| when_ready(socket, PollFlags::POLLOUT, || socket.send(&data[..n])), &mut |n| {
        when_ready(socket, PollFlags::POLLIN, || reader.read(&mut buffer[..n]))
    });
    Ok(())
}

fn when_ready(socket: &Socket, interest: PollFlags, mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_ready(socket, interest)?,
            other => return other,
        }
    }
}

/// `write(2)` and `read(2)`.
pub(crate) fn write_read(socket: &Socket, _: SocketAddr, flow: &mut Flow, options: &Options) -> Result<()> {
    let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
    exchange(flow, options, &mut |n| Ok(nix::unistd::write(socket, &data[..n])?), &mut |n| {
        Ok(nix::unistd::read(socket, &mut buffer[..n])?)
    });
    Ok(())
}

/// `writev(2)` and `readv(2)` with two pieces each.
pub(crate) fn vectored(socket: &Socket, _: SocketAddr, flow: &mut Flow, options: &Options) -> Result<()> {
    let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
    let mut send = |n: usize| {
        let (first, second) = data[..n].split_at(n / 2);
        Ok(writev(socket, &[IoSlice::new(first), IoSlice::new(second)])?)
    };
    let mut receive = |n: usize| {
        let (first, second) = buffer[..n].split_at_mut(n / 2);
        Ok(readv(socket, &mut [IoSliceMut::new(first), IoSliceMut::new(second)])?)
    };
    exchange(flow, options, &mut send, &mut receive);
    Ok(())
}

/// `sendmsg(2)`, and `recv(2)`.
pub(crate) fn message(socket: &Socket, _: SocketAddr, flow: &mut Flow, options: &Options) -> Result<()> {
    let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
    let mut reader = socket;
    exchange(
        flow,
        options,
        &mut |n| socket.sendmsg(&MsgHdr::new().with_buffers(&[IoSlice::new(&data[..n])]), 0),
        &mut |n| reader.read(&mut buffer[..n]),
    );
    Ok(())
}

/// `sendfile(2)` from memory, and `recv(2)`.
pub(crate) fn from_file(socket: &Socket, _: SocketAddr, flow: &mut Flow, options: &Options) -> Result<()> {
    let memory = memfd_create("egret-traffic", MFdFlags::MFD_CLOEXEC).context("cannot make a memory file")?;
    let mut file = File::from(memory);
    file.write_all(&[0x5a; CHUNK]).context("cannot fill a memory file")?;
    let (mut buffer, mut reader) = (vec![0; CHUNK], socket);
    exchange(flow, options, &mut |n| Ok(sendfile(socket, &file, Some(&mut 0), n)?), &mut |n| {
        reader.read(&mut buffer[..n])
    });
    Ok(())
}

/// `splice(2)` both ways: from a pipe into the socket, from the socket into a pipe.
pub(crate) fn spliced(socket: &Socket, _: SocketAddr, flow: &mut Flow, options: &Options) -> Result<()> {
    let (out_read, out_write) = pipe().context("cannot make a pipe")?;
    let (in_read, in_write) = pipe().context("cannot make a pipe")?;
    let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
    let (mut pending, flags) = (0, SpliceFFlags::empty());
    let mut send = |n: usize| {
        if pending == 0 {
            pending = nix::unistd::write(&out_write, &data[..n])?;
        }
        let moved = splice(&out_read, None, socket, None, pending, flags)?;
        pending -= moved;
        Ok(moved)
    };
    let mut receive = |n: usize| {
        let moved = splice(socket, None, &in_write, None, n, flags)?;
        let mut rest = moved;
        while rest > 0 {
            rest -= nix::unistd::read(&in_read, &mut buffer[..rest])?;
        }
        Ok(moved)
    };
    exchange(flow, options, &mut send, &mut receive);
    Ok(())
}

/// `sendto(2)` with `MSG_FASTOPEN` first, then like any other.
pub(crate) fn fast_open(socket: &Socket, peer: SocketAddr, flow: &mut Flow, options: &Options) -> Result<()> {
    let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
    let (mut reader, mut open) = (socket, false);
    let mut send = |n: usize| {
        if open {
            return socket.send(&data[..n]);
        }
        open = true;
        socket.send_to_with_flags(&data[..n], &peer.into(), libc::MSG_FASTOPEN)
    };
    exchange(flow, options, &mut send, &mut |n| reader.read(&mut buffer[..n]));
    // The sixth byte of `struct tcp_info` is `tcpi_options`.
    let info: [u8; 8] = sockets::get_option(socket, libc::SOL_TCP, libc::TCP_INFO).context("cannot read TCP_INFO")?;
    flow.detail("syn_data_acknowledged", info[5] & TCPI_OPT_SYN_DATA != 0);
    Ok(())
}

/// `send(2)` with `MSG_ZEROCOPY`, and `recv(2)`; reads the kernel's notifications at the end.
pub(crate) fn zero_copy(socket: &Socket, _: SocketAddr, flow: &mut Flow, options: &Options) -> Result<()> {
    sockets::set_option(socket, libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1).context("cannot set SO_ZEROCOPY")?;
    let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
    let mut reader = socket;
    exchange(flow, options, &mut |n| socket.send_with_flags(&data[..n], libc::MSG_ZEROCOPY), &mut |n| {
        reader.read(&mut buffer[..n])
    });
    flow.detail("zerocopy_notices", drain_notices(socket)?);
    Ok(())
}

/// Reads the error queue until it is empty; returns the number of notifications. Sends whose answer was read are
/// complete, so the kernel uses none of their pages any more.
fn drain_notices(socket: &Socket) -> Result<u64> {
    let mut control = [0_u8; 256];
    let mut notices = 0;
    loop {
        // SAFETY: all zeroes is a valid `msghdr`.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = control.len();
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        // SAFETY: the message points to `control`, which outlives the call, and states its length.
        let result = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
        match Errno::result(result) {
            Ok(_) => notices += 1,
            Err(Errno::EAGAIN) => return Ok(notices),
            Err(error) => return Err(error).context("cannot read the error queue"),
        }
    }
}
