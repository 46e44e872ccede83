//! Reading kernel structures at offsets that user space found in the kernel's type information.

use core::arch::asm;
use core::ffi::c_void;
use core::mem::MaybeUninit;

use aya_ebpf::helpers::{bpf_probe_read_kernel, generated};
use egret_wire::Address;

use crate::config::setting;

/// Reads a field through the fault-safe helper. An unknown offset is an error like an unreadable address.
#[inline(always)]
pub(crate) fn read<T>(base: *const u8, offset: u32) -> Result<T, i32> {
    if offset == u32::MAX || base.is_null() {
        return Err(-1);
    }
    // SAFETY: the helper checks the address and fails rather than faults.
    unsafe { bpf_probe_read_kernel(base.wrapping_add(offset as usize).cast::<T>()) }
}

/// Reads a field, zero if it cannot be read or the kernel does not have it. Without a branch on the result: the
/// verifier would walk thousands of paths after a dozen of them.
#[inline(always)]
pub(crate) fn read_or_zero<T>(base: *const u8, offset: u32) -> T {
    let mut value = MaybeUninit::<T>::zeroed();
    if offset != u32::MAX {
        // SAFETY: the helper checks the address, and fills the value with zeroes if it cannot read. `T` is an
        // integer or an array of them.
        unsafe {
            let from = base.wrapping_add(offset as usize);
            generated::bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, from.cast());
        }
    }
    // SAFETY: written above, by one or the other.
    unsafe { value.assume_init() }
}

/// The address of the socket of a hook's context. The verifier refuses additions to such a typed pointer; read
/// back from the stack it is a number.
#[inline(always)]
pub(crate) fn address_of(sk: *mut c_void) -> *const u8 {
    follow_or_null((&raw const sk).cast(), 0)
}

/// Reads a pointer field.
#[inline(always)]
pub(crate) fn follow(base: *const u8, offset: u32) -> Result<*const u8, i32> {
    let pointer: usize = read(base, offset)?;
    Ok(pointer as *const u8)
}

/// Reads a pointer field, null if it cannot be read.
#[inline(always)]
pub(crate) fn follow_or_null(base: *const u8, offset: u32) -> *const u8 {
    read_or_zero::<usize>(base, offset) as *const u8
}

/// Inode number of a socket's network namespace, zero without the kernel's types.
#[inline(always)]
pub(crate) fn namespace_of(sk: *const u8) -> u32 {
    read_or_zero(follow_or_null(sk, setting!(skc_net)), setting!(net_inum))
}

/// Reads a field of a tracepoint argument that the verifier knows by type: a plain load.
///
/// # Safety
///
/// `base` must be an argument of a typed tracepoint, unchanged since it was loaded from the context, and
/// `offset` a known offset of a field of `T`'s size in it.
#[inline(always)]
pub(crate) unsafe fn load<T: Copy>(base: *const u8, offset: u32) -> T {
    core::ptr::read_volatile(base.wrapping_add(offset as usize).cast::<T>())
}

/// `value & MASK`, in an instruction that the compiler does not remove. If it can prove that the mask changes
/// nothing, it would, but the verifier does not follow that proof (an earlier comparison of another register).
#[inline(always)]
pub(crate) fn masked<const MASK: i32>(value: usize) -> usize {
    let mut value = value;
    // SAFETY: one arithmetic instruction on its own operand.
    unsafe { asm!("{value} &= {mask}", value = inout(reg) value, mask = const MASK, options(pure, nomem, nostack)) };
    value
}

/// The word at `OFFSET` of a hook's context, in one load from the context's own register: the verifier refuses
/// a load by a modified copy, which the compiler tends to make for neighbouring fields.
///
/// # Safety
///
/// `context` must be the hook's context and `OFFSET` that of a 4-byte field that the hook may read.
#[inline(always)]
pub(crate) unsafe fn word<const OFFSET: i32, C>(context: *const C) -> u32 {
    let value: u64;
    asm!("{value} = *(u32 *)({context} + {offset})", value = out(reg) value, context = in(reg) context, offset = const OFFSET, options(readonly, nostack));
    value as u32
}

/// An IPv4 address (network order) in the mapped form.
#[inline(always)]
pub(crate) fn mapped(address: u32) -> Address {
    [0, u64::from(address) << 32 | 0xffff_0000]
}

/// An IPv6 address from its four words (network order).
#[inline(always)]
pub(crate) fn from_words(address: [u32; 4]) -> Address {
    let [a, b, c, d] = address.map(u64::from);
    [b << 32 | a, d << 32 | c]
}

#[cfg(target_endian = "big")]
compile_error!("addresses are put together for little-endian machines; build for bpfel");

/// Four words at `$field` of a hook's context: an IPv6 address.
macro_rules! words {
    ($context:expr, $type:ty, $field:ident) => {{
        const AT: i32 = core::mem::offset_of!($type, $field) as i32;
        let context = $context;
        $crate::kernel::from_words([
            $crate::kernel::word::<AT, $type>(context),
            $crate::kernel::word::<{ AT + 4 }, $type>(context),
            $crate::kernel::word::<{ AT + 8 }, $type>(context),
            $crate::kernel::word::<{ AT + 12 }, $type>(context),
        ])
    }};
}
pub(crate) use words;
