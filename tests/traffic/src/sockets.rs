//! Sockets and options that no crate provides in this form.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Longer than anything on loopback takes; a longer call is reported as `EAGAIN`.
const PATIENCE: Duration = Duration::from_secs(5);

/// A TCP socket of the family that `target` belongs to, not connected.
pub(crate) fn tcp(target: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))
        .context("cannot make a tcp socket")?;
    patient(socket)
}

/// A UDP socket of the family that `target` belongs to, not bound.
pub(crate) fn udp(target: SocketAddr) -> Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(target), Type::DGRAM, Some(Protocol::UDP))
        .context("cannot make a udp socket")?;
    Ok(patient(socket)?.into())
}

/// Limits how long calls on the socket may block.
pub(crate) fn patient(socket: Socket) -> Result<Socket> {
    socket.set_read_timeout(Some(PATIENCE)).context("cannot set SO_RCVTIMEO")?;
    socket.set_write_timeout(Some(PATIENCE)).context("cannot set SO_SNDTIMEO")?;
    Ok(socket)
}

/// A listening TCP socket.
pub(crate) fn listener(address: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
        .context("cannot make a tcp socket")?;
    socket.set_reuse_address(true).context("cannot set SO_REUSEADDR")?;
    socket.bind(&address.into()).with_context(|| format!("cannot bind tcp {address}"))?;
    // Where the system does not allow fast open for servers the option does nothing.
    set_option(&socket, libc::SOL_TCP, libc::TCP_FASTOPEN, 64).context("cannot set TCP_FASTOPEN")?;
    socket.listen(4096).with_context(|| format!("cannot listen on {address}"))?;
    Ok(socket)
}

/// A TCP port without a listener, reserved as long as the socket lives.
pub(crate) fn refusing(loopback: SocketAddr) -> Result<(Socket, SocketAddr)> {
    let socket = tcp(loopback)?;
    socket.bind(&loopback.into()).with_context(|| format!("cannot bind tcp {loopback}"))?;
    let address = local_address(&socket).context("a bound socket has no address")?;
    Ok((socket, address))
}

/// The address that a socket is bound to, if it is an internet one.
pub(crate) fn local_address(socket: &impl AsRawFd) -> Option<SocketAddr> {
    let fill = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        // SAFETY: both pointers come from `try_init`, valid for the lengths they state.
        match unsafe { libc::getsockname(socket.as_raw_fd(), storage.cast(), length) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: getsockname initialises the address and sets its length when it succeeds.
    unsafe { SockAddr::try_init(fill) }.ok().and_then(|((), address)| address.as_socket())
}

/// The socket's cookie; the kernel assigns one if it has none yet.
pub(crate) fn cookie(socket: &impl AsRawFd) -> Option<u64> {
    get_option::<u64>(socket, libc::SOL_SOCKET, libc::SO_COOKIE).ok()
}

/// Reads a socket option that is a plain integer or a structure of integers.
pub(crate) fn get_option<T: Copy>(socket: &impl AsRawFd, level: i32, name: i32) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: `value` has room for `length` bytes, and callers only ask for types that any bytes make.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut length) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed before, so also what the kernel did not fill is initialised.
    Ok(unsafe { value.assume_init() })
}

/// Sets a socket option that is an `int`.
pub(crate) fn set_option(socket: &impl AsRawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<i32>()).map_err(io::Error::other)?;
    // SAFETY: the pointer is to an `int` that lives through the call.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The result of a system call that returns bytes or minus one.
pub(crate) fn bytes(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
