//! The socket of a descriptor of the current process.

use aya_ebpf::helpers::generated::bpf_get_current_task;

use crate::config::setting;
use crate::kernel::{follow_or_null, read_or_zero};

/// The kernel's socket; null without the kernel's types. The descriptor must be that of a socket: its call has
/// succeeded, or failed with an error that only sockets return.
#[inline(always)]
pub(super) fn socket_or_null(fd: i32) -> *const u8 {
    if setting!(socket_sk) == u32::MAX {
        return core::ptr::null();
    }
    // SAFETY: a helper without arguments.
    let task = unsafe { bpf_get_current_task() as *const u8 };
    let table = follow_or_null(follow_or_null(task, setting!(task_files)), setting!(files_fdt));
    let size: u32 = read_or_zero(table, setting!(fdt_max_fds));
    if fd as u32 >= size {
        return core::ptr::null();
    }
    let file = follow_or_null(follow_or_null(table, setting!(fdt_fd)), fd as u32 * 8);
    let socket = follow_or_null(file, setting!(file_private_data));
    follow_or_null(socket, setting!(socket_sk))
}
