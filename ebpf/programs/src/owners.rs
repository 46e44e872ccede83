//! The owners of endpoints, recorded before the packet leaves, so that they can be looked up when it is evaluated.
//!
//! A TCP connect is recorded with both endpoints when its first packet is about to be sent; a datagram without its
//! local address, which routing has not chosen yet. A connected datagram socket is bound to a port only after its
//! hook has run: until it is released, its owner is found by its cookie.

use aya_ebpf::bindings::{BPF_NOEXIST, bpf_sock, bpf_sock_addr, bpf_sock_ops};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_get_current_task;
use egret_state::{Flags, Peer, Socket};
use egret_wire::{ANSWERS, Address, CONFIG_LENGTHS, Counter, KERNEL_THREAD, ProcessRef, TupleKey, TupleOwner};

use crate::config::{has, setting};
use crate::kernel::{read, word};
use crate::maps::{COOKIES, PROCESSES, TUPLES, count};
use crate::platform::Kernel;
use crate::{policy, process, socket};

/// The endpoints of a TCP connect are known. An earlier connection between them has ended.
#[inline(always)]
pub(crate) fn connecting(ops: *mut bpf_sock_ops, socket: &Socket) -> Option<()> {
    policy::active(ops)?;
    let key = TupleKey { local: socket.local, ..key(socket, socket.local_port, socket.current_peer()) };
    let mut process = socket.process;
    // A worker of the kernel may connect for the kernel itself (a mount) or for a process (a further subflow of
    // multipath TCP). If the connection of a subflow is preexisting, user space finds out which it is.
    if is_kernel_thread() && process.pid == process::current_in_sock_ops().pid {
        process.flags |= KERNEL_THREAD;
    }
    store(&key, &TupleOwner { process, cookie: socket.cookie, rival: 0 });
    Some(())
}

/// A datagram socket is about to be connected to its current peer. The connect may fail, and leave the socket connected to
/// another one: that the current peer sent the first datagram is recorded for its endpoint alone.
#[inline(always)]
pub(crate) fn connected(addr: *mut bpf_sock_addr, socket: &mut Socket) -> Option<()> {
    policy::active(addr)?;
    let mut process = socket.process;
    list(socket, &process);
    if socket.flags().has(Flags::INBOUND) {
        process.flags |= ANSWERS;
        // SAFETY: field of the context, checked by the verifier.
        let sk = unsafe { (*addr).__bindgen_anon_1.sk };
        claim(&key(socket, local_port(sk), socket.current_peer()), socket.cookie, &process);
    }
    Some(())
}

/// A datagram is about to be sent to the peer in the call.
#[inline(always)]
pub(crate) fn sending(addr: *mut bpf_sock_addr, address: Address, interface: u32) -> Option<()> {
    policy::active(addr)?;
    // SAFETY: fields of the context and its socket, checked by the verifier.
    let (sk, port) = unsafe { ((*addr).__bindgen_anon_1.sk, u16::from_be((*addr).user_port as u16)) };
    let peer = Peer { address, port, interface };
    let socket = socket::find(sk.cast())?;
    // The call has bound the socket already (`inet_send_prepare` in net/ipv4/af_inet.c).
    let key = key(socket, local_port(sk), peer);
    let answers = if socket.answers(&Kernel { sk: sk.cast() }, peer) { ANSWERS } else { 0 };
    if socket.listed != 0
        && let Some(owner) = find(&key)
        && owner.cookie == socket.cookie
        && is_current(&owner.process)
    {
        if owner.rival != 0 && !is_open(owner.rival) {
            owner.rival = 0;
        }
        owner.process.flags = owner.process.flags & !ANSWERS | answers;
        return Some(());
    }
    let mut process = process::current();
    if socket.listed == 0 {
        list(socket, &process);
    }
    process.flags |= answers;
    claim(&key, socket.cookie, &process);
    Some(())
}

/// A datagram socket is released. A packet of a connected one may still wait for its verdict: its port is known by
/// now.
#[inline(always)]
pub(crate) fn released(socket: &mut Socket) {
    if socket.listed == 0 {
        return;
    }
    let has_sent = socket.sends != 0 || !has(CONFIG_LENGTHS);
    if socket.flags().has(Flags::CONNECTED) && has_sent && socket.local_port != 0 {
        let mut process = socket.process;
        if socket.flags().has(Flags::INBOUND) {
            process.flags |= ANSWERS;
        }
        claim(&key(socket, socket.local_port, socket.current_peer()), socket.cookie, &process);
    }
    let _ = COOKIES.remove(socket.cookie);
    socket.listed = 0;
}

#[inline(always)]
fn local_port(sk: *mut bpf_sock) -> u16 {
    const PORT: i32 = core::mem::offset_of!(bpf_sock, src_port) as i32;
    // SAFETY: field of a hook's socket, checked by the verifier.
    unsafe { word::<PORT, bpf_sock>(sk) as u16 }
}

#[inline(always)]
fn key(socket: &Socket, local_port: u16, peer: Peer) -> TupleKey {
    let Peer { address, port, .. } = peer;
    TupleKey { local: [0; 2], peer: address, protocol: socket.protocol, local_port, peer_port: port, reserved: 0 }
}

/// Enters the owner of a socket into the table of cookies.
#[inline(always)]
fn list(socket: &mut Socket, process: &ProcessRef) {
    if COOKIES.insert(socket.cookie, process, 0).is_ok() {
        socket.listed = 1;
    } else {
        count(Counter::OwnerTable, 1);
    }
}

/// Records the process that sends between these endpoints now, and whether another process does so too.
#[inline(always)]
fn claim(key: &TupleKey, cookie: u64, process: &ProcessRef) {
    let mut owner = TupleOwner { process: *process, cookie, rival: 0 };
    if find(key).is_none() && TUPLES.insert(key, owner, BPF_NOEXIST.into()).is_ok() {
        return;
    }
    // Another entry exists, perhaps written just now on another CPU.
    if let Some(before) = find(key) {
        owner.rival = rival(before, cookie, process);
    }
    store(key, &owner);
}

/// The cookie of the socket by which another running process sends between the same endpoints; zero if there is
/// none. Ports are shared by `SO_REUSEPORT` and `SO_REUSEADDR`, sockets by fork(2).
#[inline(always)]
fn rival(before: &TupleOwner, cookie: u64, process: &ProcessRef) -> u64 {
    let other = &before.process;
    let is_other = other.pid != process.pid || other.start_ns != process.start_ns;
    if is_other && is_open(before.cookie) && is_running(other) {
        before.cookie
    } else if before.rival != 0 && before.rival != cookie && is_open(before.rival) {
        before.rival
    } else {
        0
    }
}

#[inline(always)]
fn find(key: &TupleKey) -> Option<&'static mut TupleOwner> {
    // SAFETY: a pointer from the map, valid for this run.
    TUPLES.get_ptr_mut(key).map(|owner| unsafe { &mut *owner })
}

/// Replaces the entry: a reader sees the old or the new one.
#[inline(always)]
fn store(key: &TupleKey, owner: &TupleOwner) {
    if TUPLES.insert(key, owner, 0).is_err() {
        count(Counter::OwnerTable, 1);
    }
}

#[inline(always)]
fn is_open(cookie: u64) -> bool {
    COOKIES.get_ptr(cookie).is_some()
}

#[inline(always)]
fn is_running(process: &ProcessRef) -> bool {
    // SAFETY: one word of an entry, which is that of this pid before and after a change.
    unsafe { PROCESSES.get(process.pid) }.is_some_and(|key| key.start_ns == process.start_ns)
}

/// Whether this is the current process, with the same image.
#[inline(always)]
fn is_current(process: &ProcessRef) -> bool {
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: as above.
    pid == process.pid && unsafe { PROCESSES.get(pid) }.is_some_and(|key| key.exec_id == process.exec_id)
}

#[inline(always)]
pub(crate) fn is_kernel_thread() -> bool {
    // SAFETY: a helper without arguments.
    let task = unsafe { bpf_get_current_task() as *const u8 };
    matches!(read::<usize>(task, setting!(task_mm)), Ok(0))
}
