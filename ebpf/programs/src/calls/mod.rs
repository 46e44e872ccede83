//! The `syscalls` layer: tracepoints `syscalls:sys_{enter,exit}_*`.
//!
//! Source: kernel/trace/trace_syscalls.c; Linux 2.6.33. The entry keeps the arguments by thread, the exit adds the
//! result. While any of these is attached, every system call of every process takes the kernel's slow entry path,
//! so that this layer is not the default. It does not see `io_uring`, `sendfile`, `splice` and `write`.

mod address;
mod descriptor;
mod enter;
mod exit;
