//! The machine and its `/proc`.

mod bpf;
mod load;
mod machine;
mod process;

pub(crate) use bpf::{Hook, Hooks, attached_programs, hooks_of, kernel_memory};
pub(crate) use load::{Others, own_cpu_time};
pub(crate) use machine::Machine;
pub(crate) use process::{
    cpu_of_children, cpu_time, file_lines, peak_memory, pin, proportional_memory, thread_cpu_time,
};
