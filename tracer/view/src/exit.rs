//! Exit statuses, which are part of the contract.

pub const DONE: u8 = 0;
/// Failed while running.
pub const FAILED: u8 = 1;
/// Bad usage or configuration; also the status of clap's errors.
pub const USAGE: u8 = 2;
/// The kernel, or the privilege to use it, is missing.
pub const UNSUPPORTED: u8 = 3;
/// The command of `egret trace` cannot be executed; the status of shells.
pub const NOT_EXECUTABLE: u8 = 126;
/// The command of `egret trace` does not exist; the status of shells.
pub const NOT_FOUND: u8 = 127;
