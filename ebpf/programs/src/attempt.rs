//! TCP connects that never sent a packet: no route, no port, refused by another program's hook.

use egret_wire::Kind;

use crate::record::{self, Detail};
use crate::socket::{PHASE_ATTEMPT, PHASE_CLOSED, Socket};

/// Ends an attempt that is still open when the socket is connected again or released. Why it failed is known
/// to the caller of `connect` alone.
#[inline(always)]
pub(crate) fn end(socket: &mut Socket, time_ns: u64) {
    if socket.phase == PHASE_ATTEMPT {
        record::write(Kind::Failed, time_ns, socket, Detail::default());
        socket.phase = PHASE_CLOSED;
    }
}
