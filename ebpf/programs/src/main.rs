//! egret's kernel side.
//!
//! One hook a file; every map in `maps.rs`; the state of a socket in `socket.rs`. No kernel structure layout is
//! compiled in: where a field is worth reading, user space finds its offset in the kernel's own type
//! information and passes it in [`config`].
//!
//! Every hook is a thin entry point over a fallible body. No hook ever changes what the program it watches
//! does: cgroup hooks always answer "allow". The one thing that is ever changed is the mark of a socket, in `grants.rs`,
//! and only while user space enforces.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch, core_intrinsics)]
#![allow(internal_features, reason = "atomics that the target has and `core` does not offer")]

mod atomic;
mod attempt;
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
mod kernel;
mod lengths;
mod maps;
mod names;
mod owners;
mod path;
mod peers;
mod policy;
mod process;
mod record;
mod recvmsg;
mod sendmsg;
mod sock_create;
mod sock_ops;
mod sock_release;
mod socket;
mod unreleased;

/// Only reached by code that the verifier would refuse anyway: an endless loop makes sure that it does.
#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Several helpers (probe reads, ring buffers) are open to GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
