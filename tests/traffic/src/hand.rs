//! The way `hand`: one socket at a time, controlled by hand. Every line of standard input is a command, answered by a
//! line of JSON.

use std::io::{self, BufRead, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};

use crate::sockets;

/// The result of a command, and the state of the socket after it.
#[derive(Serialize)]
struct Answer {
    /// Name of the errno, if the call failed.
    error: Option<String>,
    local: Option<SocketAddr>,
    mark: Option<u32>,
    cookie: Option<u64>,
}

/// Runs the commands on standard input until it ends.
pub(crate) fn run() -> Result<()> {
    let mut socket = None;
    for line in io::stdin().lock().lines() {
        let line = line.context("cannot read a command")?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let result = perform(&mut socket, &words).with_context(|| format!("cannot do {line:?}"))?;
        let mut text = serde_json::to_string(&answer(socket.as_ref(), result))?;
        text.push('\n');
        io::stdout().lock().write_all(text.as_bytes()).context("cannot answer")?;
    }
    Ok(())
}

fn answer(socket: Option<&Socket>, result: io::Result<()>) -> Answer {
    let errno = |error: io::Error| {
        error.raw_os_error().map_or_else(|| error.to_string(), |number| format!("{:?}", Errno::from_raw(number)))
    };
    Answer {
        error: result.err().map(errno),
        local: socket.and_then(sockets::local_address),
        mark: socket.and_then(|socket| socket.mark().ok()),
        cookie: socket.and_then(sockets::cookie),
    }
}

/// The inner result is that of the system call.
fn perform(socket: &mut Option<Socket>, words: &[&str]) -> Result<io::Result<()>> {
    match words {
        ["tcp", local] => *socket = Some(open(Type::STREAM, local.parse()?)?),
        ["udp", local] => *socket = Some(open(Type::DGRAM, local.parse()?)?),
        ["icmp"] => *socket = Some(Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?),
        ["inherit"] => *socket = Some(inherited()?),
        ["close"] => *socket = None,
        _ => return call(socket.as_ref().context("there is no socket")?, words),
    }
    Ok(Ok(()))
}

fn call(socket: &Socket, words: &[&str]) -> Result<io::Result<()>> {
    Ok(match words {
        ["mark", mark] => socket.set_mark(mark.parse()?),
        ["connect", peer] => socket.connect(&peer.parse::<SocketAddr>()?.into()),
        ["disconnect"] => disconnect(socket),
        ["peek"] => socket.peek_from(&mut [MaybeUninit::uninit(); 2048]).map(drop),
        ["receive"] => socket.recv_from(&mut [MaybeUninit::uninit(); 2048]).map(drop),
        ["read"] => socket.recv(&mut [MaybeUninit::uninit(); 2048]).map(drop),
        ["send"] => socket.send(b"by hand").map(drop),
        ["send", peer] => socket.send_to(b"by hand", &peer.parse::<SocketAddr>()?.into()).map(drop),
        _ => bail!("no such command"),
    })
}

/// Not blocking, on a port that others may share; port zero leaves it unbound.
fn open(kind: Type, local: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), kind.nonblocking(), None).context("cannot make a socket")?;
    socket.set_reuse_port(true).context("cannot set SO_REUSEPORT")?;
    if local.port() != 0 {
        socket.bind(&local.into()).with_context(|| format!("cannot bind {local}"))?;
    }
    Ok(socket)
}

/// The socket that was inherited as standard error.
fn inherited() -> Result<Socket> {
    Ok(io::stderr().as_fd().try_clone_to_owned().context("there is no standard error")?.into())
}

/// Connects to `AF_UNSPEC`, which disconnects the socket (connect(2)).
fn disconnect(socket: &Socket) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr>()).map_err(io::Error::other)?;
    // SAFETY: all zeroes are a valid address, whose family is `AF_UNSPEC`.
    let nowhere: libc::sockaddr = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the pointer is to an address of that length that lives through the call.
    match unsafe { libc::connect(socket.as_raw_fd(), &raw const nowhere, length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
