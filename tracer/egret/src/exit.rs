//! Exit statuses. They are part of the contract with scripts.

/// Everything asked for was done.
pub const DONE: u8 = 0;
/// Something failed while running.
pub const FAILED: u8 = 1;
/// Bad usage or configuration; nothing was started. This is also the status of clap's own errors.
pub const USAGE: u8 = 2;
/// The kernel, or the privilege to use it, is missing.
pub const UNSUPPORTED: u8 = 3;
/// The command to be traced cannot be executed, as shells have it.
pub const NOT_EXECUTABLE: u8 = 126;
/// There is no such command to be traced, as shells have it.
pub const NOT_FOUND: u8 = 127;
