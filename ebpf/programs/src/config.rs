//! Settings and offsets from user space.

use core::ptr;

use egret_wire::Config;

/// Written by user space before loading; read-only afterwards, so that the verifier knows each value and
/// removes the branches that are disabled.
#[unsafe(no_mangle)]
static CONFIG: Config = Config::UNKNOWN;

/// Reads one setting. A macro, because every field must be read separately: a copy of the whole struct would go
/// through the stack, where the verifier does not keep its values.
macro_rules! setting {
    ($field:ident) => {
        $crate::config::read(core::mem::offset_of!(egret_wire::Config, $field))
    };
}
pub(crate) use setting;

#[inline(always)]
pub(crate) fn read(offset: usize) -> u32 {
    // SAFETY: `offset` is that of a field of CONFIG, all of which are `u32`. Volatile, or the compiler would use
    // the value above.
    unsafe { ptr::read_volatile(ptr::addr_of!(CONFIG).byte_add(offset).cast::<u32>()) }
}

/// Whether a `CONFIG_*` bit is set.
#[inline(always)]
pub(crate) fn has(bit: u32) -> bool {
    setting!(flags) & bit != 0
}
