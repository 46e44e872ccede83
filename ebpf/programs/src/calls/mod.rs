//! The `syscalls` layer: tracepoints `syscalls:sys_{enter,exit}_*`.
//!
//! Source: kernel/trace/trace_syscalls.c; Linux 2.6.33. The entry keeps the arguments by thread, the exit adds the
//! result. While any of these is attached, every system call of every process takes the kernel's slow entry path:
//! that is why this layer is not the default. It does not see `io_uring`, `sendfile`, `splice` and `write`.

mod address;
mod descriptor;
mod enter;
mod exit;

/// What the entry of a call saw, kept until its exit.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) time_ns: u64,
    /// The address argument, or that of the message header or headers.
    pub(crate) pointer: u64,
    pub(crate) fd: i32,
    /// One of the `CALL_*` numbers.
    pub(crate) call: u16,
    pub(crate) reserved: u16,
}
