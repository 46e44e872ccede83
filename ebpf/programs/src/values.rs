//! Values of maps that user space never reads.

use egret_wire::{ExecHeader, MAX_ARGS, MAX_PATH};

/// Longest component of a path (`NAME_MAX`).
pub(crate) const MAX_NAME: usize = 255;
/// Largest offset in the data of a [`Scratch`] that a path may begin at, as a mask.
pub(crate) const MAX_START: usize = 2 * MAX_ARGS - 1;
/// Bytes of a variable of the environment read at once. A longer one is read in several steps.
pub(crate) const MAX_VARIABLE: usize = 512;

/// A buffer for one exec record. Its slack has space for a path at any masked offset, and one more component
/// before the length is checked, so that the verifier sees every write inside.
#[repr(C)]
pub(crate) struct Scratch {
    pub(crate) header: ExecHeader,
    pub(crate) data: [u8; MAX_START + MAX_PATH + MAX_NAME + 1],
    /// Buffer for a variable of the environment; not a part of the record.
    pub(crate) variable: [u8; MAX_VARIABLE],
}

/// The arguments of a system call, kept from its entry to its exit.
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

/// A share of the ring of names, by user and kind of record.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct ShareKey {
    pub(crate) user: u32,
    pub(crate) kind: u32,
}

/// The bytes taken from a share.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Share {
    /// When it began.
    pub(crate) since_ns: u64,
    pub(crate) bytes: u64,
}
