//! Flows that pass without evaluation: a TCP connect to a peer that its process was granted sets the mark of the
//! socket.
//!
//! Only TCP. The hook runs before the first packet is sent, and all packets of the connection go to that peer. The
//! mark of a datagram socket would be read before the hook that names the peer (`udp_sendmsg` in net/ipv4/udp.c
//! fills `ipc.sockc` first), and stay for datagrams to others.

use aya_ebpf::bindings::{bpf_sock, bpf_sock_addr};
use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_ebpf::helpers::generated::bpf_setsockopt;
use egret_state::Socket;
use egret_wire::{GrantKey, Policy};

use crate::kernel::word;
use crate::maps::GRANTS;
use crate::policy;

const IPPROTO_TCP: u16 = 6;
/// Numbers of the generic system call interface (include/uapi/asm-generic/socket.h).
const SOL_SOCKET: i32 = 1;
const SO_MARK: i32 = 36;

/// Sets the bits of the mark of a socket that connects.
#[inline(always)]
pub(crate) fn apply(addr: *mut bpf_sock_addr, socket: &mut Socket) -> Option<()> {
    let policy = policy::active(addr)?;
    if socket.protocol != IPPROTO_TCP {
        return None;
    }
    const MARK: i32 = core::mem::offset_of!(bpf_sock, mark) as i32;
    // SAFETY: fields of the context and its socket, checked by the verifier.
    let mark = unsafe { word::<MARK, bpf_sock>((*addr).__bindgen_anon_1.sk) };
    let granted = is_granted(socket, policy);
    // A socket that is connected again has the bits of its last connect.
    let bits = if granted { policy.mark_allowed & policy.mark_mask } else { 0 };
    let mut wanted = mark & !policy.mark_mask | bits;
    if wanted != mark {
        // SAFETY: the helper takes the context and reads the four bytes.
        let result = unsafe { bpf_setsockopt(addr.cast(), SOL_SOCKET, SO_MARK, (&raw mut wanted).cast(), 4) };
        if result != 0 {
            return None;
        }
    }
    if granted {
        socket.grant();
    }
    Some(())
}

#[inline(always)]
fn is_granted(socket: &Socket, policy: &Policy) -> bool {
    let process = &socket.process;
    // The image is unknown; user space does not grant such processes.
    if process.exec_id == 0 {
        return false;
    }
    let key = GrantKey {
        exec_id: process.exec_id,
        cgroup_id: process.cgroup_id,
        peer: socket.peer,
        uid: process.uid,
        peer_port: socket.peer_port,
        protocol: socket.protocol,
    };
    // SAFETY: an entry that changes meanwhile is valid before and after.
    let Some(grant) = (unsafe { GRANTS.get(key) }) else { return false };
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    grant.epoch == policy.epoch && grant.mark == policy.mark_allowed && now < grant.expires_ns
}
