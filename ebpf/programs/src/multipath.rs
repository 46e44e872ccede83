//! Multipath TCP: a further subflow is opened by a worker of the kernel, and belongs to the owner of its connection.
//!
//! `icsk_ulp_data` of a subflow points to its `struct mptcp_subflow_context`, and `conn` of that to the connection
//! (net/mptcp/protocol.h, Linux 5.6). The first subflow is opened by the process itself.

use aya_ebpf::bindings::bpf_sock_ops;
use egret_state::Socket;

use crate::config::setting;
use crate::kernel::{address_of, follow_or_null, read_or_zero};
use crate::maps::SUBFLOWS;
use crate::owners;

/// A subflow is about to be opened: records the owner of its connection, or sets it as the owner of a further
/// subflow.
#[inline(always)]
pub(crate) fn attribute(ops: *mut bpf_sock_ops, socket: &mut Socket) -> Option<()> {
    let connection = connection(ops)?;
    if owners::is_kernel_thread() {
        // SAFETY: a value of the map, copied at once.
        socket.process = unsafe { SUBFLOWS.get(connection) }.copied()?;
    } else {
        let _ = SUBFLOWS.insert(connection, socket.process, 0);
    }
    Some(())
}

/// Address of the connection of a subflow in the kernel.
#[inline(always)]
fn connection(ops: *mut bpf_sock_ops) -> Option<u64> {
    // SAFETY: field of the context, checked by the verifier.
    let sk = unsafe { (*ops).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let context = follow_or_null(address_of(sk.cast()), setting!(icsk_ulp_data));
    Some(read_or_zero(context, setting!(subflow_conn))).filter(|connection| *connection != 0)
}
