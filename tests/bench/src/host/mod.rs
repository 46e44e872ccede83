//! What the machine and its `/proc` say.

mod bpf;
mod machine;
mod process;

pub(crate) use bpf::{Hook, Hooks, attached_programs, hooks_of, kernel_memory};
pub(crate) use machine::Machine;
pub(crate) use process::{cpu_of_children, cpu_time, file_lines, pin, proportional_memory};
