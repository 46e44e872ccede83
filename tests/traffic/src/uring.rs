//! Ways through `io_uring`, which no system call tracepoint sees.

use std::io;
use std::os::fd::AsRawFd;
use std::thread;

use anyhow::{Context, Result};
use io_uring::squeue::{Entry, Flags};
use io_uring::types::Fd;
use io_uring::{IoUring, opcode};
use socket2::SockAddr;

use crate::helper::with_server;
use crate::options::Options;
use crate::report::{Flow, Report, Transport};
use crate::server::Serve;
use crate::sockets;
use crate::tcp::transfer::{CHUNK, exchange};

/// The executor of submitted operations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Executor {
    /// The thread that submits, inside its system call.
    Submitter,
    /// A kernel thread that polls the ring (`IORING_SETUP_SQPOLL`).
    Poller,
    /// A worker thread of the kernel's (`IOSQE_ASYNC`).
    Worker,
}

/// Milliseconds without work after which the polling thread sleeps.
const POLLER_IDLE: u32 = 1000;

struct Ring {
    ring: IoUring,
    flags: Flags,
}

impl Ring {
    fn new(executor: Executor) -> Result<Self> {
        let mut builder = IoUring::builder();
        if executor == Executor::Poller {
            builder.setup_sqpoll(POLLER_IDLE);
        }
        let flags = if executor == Executor::Worker { Flags::ASYNC } else { Flags::empty() };
        Ok(Self { ring: builder.build(8).context("cannot make an io_uring")?, flags })
    }

    /// Submits one operation and waits for its result.
    ///
    /// # Safety
    ///
    /// Whatever the entry points to must live until this returns.
    unsafe fn run(&mut self, entry: Entry) -> io::Result<usize> {
        let entry = entry.flags(self.flags);
        // SAFETY: the caller keeps alive what the entry points to.
        unsafe { self.ring.submission().push(&entry) }.map_err(io::Error::other)?;
        loop {
            match self.ring.submit_and_wait(1) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map(drop)?,
            }
        }
        let completion = self.ring.completion().next().ok_or_else(|| io::Error::other("no completion"))?;
        let result = completion.result();
        usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(result.saturating_neg()))
    }
}

/// The ways `uring-connect`, `uring-sqpoll` and `uring-async`: `IORING_OP_CONNECT`, `SEND` and `RECV`.
pub(crate) fn connect(options: &Options, executor: Executor) -> Result<Report> {
    let serve = if options.one_way { Serve::TcpSink } else { Serve::TcpEcho };
    with_server(options, serve, |peer| {
        let mut ring = Ring::new(executor)?;
        let socket = sockets::tcp(peer)?;
        let mut flow = Flow::client(Transport::Tcp).with_peer(peer);
        let (fd, address) = (Fd(socket.as_raw_fd()), SockAddr::from(peer));
        let entry = opcode::Connect::new(fd, address.as_ptr().cast(), address.len()).build();
        // SAFETY: `address` outlives the call.
        if flow.note(unsafe { ring.run(entry) }).is_some() {
            thread::sleep(options.hold());
            stream(&mut ring, fd, &mut flow, options);
        }
        flow.finish(&socket);
        Ok(Report::of(flow))
    })
}

fn stream(ring: &mut Ring, fd: Fd, flow: &mut Flow, options: &Options) {
    let (data, mut buffer) = (vec![0x5a_u8; CHUNK], vec![0_u8; CHUNK]);
    let ring = std::cell::RefCell::new(ring);
    let length = |bytes: usize| u32::try_from(bytes).map_err(io::Error::other);
    let mut send = |n: usize| {
        let entry = opcode::Send::new(fd, data.as_ptr(), length(n)?).build();
        // SAFETY: `data` holds at least the `n` bytes of a chunk and outlives the call.
        unsafe { ring.borrow_mut().run(entry) }
    };
    let mut receive = |n: usize| {
        let entry = opcode::Recv::new(fd, buffer.as_mut_ptr(), length(n)?).build();
        // SAFETY: `buffer` has room for the `n` bytes of a chunk and outlives the call.
        unsafe { ring.borrow_mut().run(entry) }
    };
    exchange(flow, options, &mut send, &mut receive);
}

/// The way `uring-udp`: `IORING_OP_SENDMSG` and `RECVMSG` on an unconnected socket.
pub(crate) fn datagrams(options: &Options) -> Result<Report> {
    let size = options.datagram_size()?;
    let serve = if options.one_way { Serve::UdpSink } else { Serve::UdpEcho };
    with_server(options, serve, |peer| {
        let mut ring = Ring::new(Executor::Submitter)?;
        let socket = sockets::udp(peer)?;
        let mut flow = Flow::client(Transport::Udp).with_peer(peer);
        let (fd, address) = (Fd(socket.as_raw_fd()), SockAddr::from(peer));
        let mut buffer = vec![0x5a; size];
        let mut left = options.bytes;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(size).min(size);
            let Some(sent) = flow.note_send(send_message(&mut ring, fd, &address, &mut buffer[..length])) else {
                break;
            };
            if !options.one_way && flow.note_receive(receive_message(&mut ring, fd, &mut buffer)).is_none() {
                break;
            }
            left -= sent as u64;
        }
        flow.finish(&socket);
        Ok(Report::of(flow))
    })
}

fn send_message(ring: &mut Ring, fd: Fd, address: &SockAddr, data: &mut [u8]) -> io::Result<usize> {
    let mut vector = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
    let mut message = message(&raw mut vector);
    message.msg_name = address.as_ptr().cast_mut().cast();
    message.msg_namelen = address.len();
    // SAFETY: message, vector, address and data all outlive the call.
    unsafe { ring.run(opcode::SendMsg::new(fd, &raw const message).build()) }
}

fn receive_message(ring: &mut Ring, fd: Fd, buffer: &mut [u8]) -> io::Result<usize> {
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut message = message(&raw mut vector);
    // SAFETY: message, vector and buffer all outlive the call.
    unsafe { ring.run(opcode::RecvMsg::new(fd, &raw mut message).build()) }
}

fn message(vector: *mut libc::iovec) -> libc::msghdr {
    // SAFETY: all zeroes is a valid `msghdr`.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = vector;
    message.msg_iovlen = 1;
    message
}
