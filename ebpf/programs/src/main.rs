//! egret's kernel side.
//!
//! One hook a file; every map in `maps.rs`; the state of a socket in `socket.rs`. No layout of a kernel structure
//! is compiled in: user space finds the offsets of fields in the kernel's type information and passes them in
//! [`config`].
//!
//! Every hook is a thin entry point over a fallible body. No hook changes the behaviour of the watched program:
//! cgroup hooks always return "allow". The only thing that is changed is the mark of a socket, in `grants.rs`, and
//! only while user space enforces.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch, core_intrinsics)]
#![allow(internal_features, reason = "atomics that the target has and `core` does not offer")]

mod atomic;
mod calls;
mod cgroup_mkdir;
mod config;
mod connect;
mod datagram;
mod environment;
mod error_report;
mod exec;
mod exit;
mod fork;
mod grants;
mod interface;
mod kernel;
mod lengths;
mod maps;
mod mounts;
mod multipath;
mod names;
mod owners;
mod packets;
mod path;
mod platform;
mod policy;
mod process;
mod record;
mod recvmsg;
mod sendmsg;
mod sock;
mod sock_create;
mod sock_ops;
mod sock_release;
mod socket;
mod start;
mod totals;
mod unreleased;
mod values;

/// The verifier refuses a program that can reach this endless loop.
#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Several helpers (probe reads, ring buffers) are only for GPL-compatible programs.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
