//! State of system calls under way (`syscalls` layer).

/// What the entry of a call saw, kept until its exit.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) time_ns: u64,
    /// The address argument, or the message header's.
    pub(crate) address: u64,
    pub(crate) fd: i32,
    pub(crate) call: u16,
    pub(crate) messages: u16,
}
