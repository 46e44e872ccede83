//! A system call unrelated to the network.

use std::hint::black_box;

use anyhow::Result;
use nix::unistd::getppid as call;

use super::Workload;

struct GetPpid;

/// `getppid(2)`, which the C library does not cache.
#[expect(clippy::unnecessary_wraps, reason = "others can fail")]
pub(super) fn getppid(_: usize) -> Result<Box<dyn Workload>> {
    Ok(Box::new(GetPpid))
}

impl Workload for GetPpid {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            black_box(call());
        }
        Ok(())
    }
}
