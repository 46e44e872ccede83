//! The object in the form that an older kernel accepts.
//!
//! The verifier ignores instructions that a program cannot reach, except for two checks that it makes before it
//! follows the program.

use std::borrow::Cow;
use std::ops::Range;

use object::read::elf::{ElfFile64, ElfSection64};
use object::{Endianness, Object as _, ObjectSection as _, SectionKind};

const INSTRUCTION: usize = 8;
/// `BPF_STX | BPF_ATOMIC`, on words and double words.
const ATOMICS: [u8; 2] = [0xc3, 0xdb];
/// A jump to the next instruction.
const NO_OPERATION: [u8; INSTRUCTION] = [0x05, 0, 0, 0, 0, 0, 0, 0];

/// `struct bpf_map_def` of aya: seven words, of which the first is the type and the fifth the flags.
const DEFINITION: usize = 28;
const MAP_FLAGS_AT: usize = 16;
const TYPE_HASH: u32 = 1;
const NO_PREALLOC: u32 = 1;

/// What a kernel does not accept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lacks {
    /// Atomic operations that return a value (Linux 5.12). Without `CONFIG_ATOMICS` no program reaches one, but
    /// the kernel refuses them anywhere in a program (`resolve_pseudo_ldimm64` in kernel/bpf/verifier.c).
    pub(super) atomics: bool,
    /// Maps that allocate entries while a tracing program runs: before Linux 6.1 that can deadlock, and the kernel
    /// warns, which taints it (`check_map_prog_compatibility` in kernel/bpf/verifier.c).
    pub(super) allocation: bool,
}

/// The object without what the kernel lacks. An object that cannot be parsed is not changed: the loader reports
/// the error.
pub(super) fn adapt(object: &[u8], lacks: Lacks) -> Cow<'_, [u8]> {
    if lacks == Lacks::default() {
        return Cow::Borrowed(object);
    }
    let mut adapted = object.to_vec();
    for section in sections(object) {
        let Some(bytes) = adapted.get_mut(section.range) else { continue };
        if lacks.atomics && section.is_code {
            bytes
                .chunks_exact_mut(INSTRUCTION)
                .filter(|one| is_new_atomic(one))
                .for_each(|one| one.copy_from_slice(&NO_OPERATION));
        }
        if lacks.allocation && section.is_maps {
            bytes.chunks_exact_mut(DEFINITION).for_each(preallocate);
        }
    }
    Cow::Owned(adapted)
}

/// Whether an atomic operation returns a value. Addition without a result is as old as BPF: its last word is zero.
fn is_new_atomic(instruction: &[u8]) -> bool {
    let code = instruction.first().is_some_and(|code| ATOMICS.contains(code));
    code && word(instruction, 4) != Some(0)
}

fn preallocate(definition: &mut [u8]) {
    if word(definition, 0) == Some(TYPE_HASH)
        && let Some(flags) = word(definition, MAP_FLAGS_AT)
        && let Some(field) = definition.get_mut(MAP_FLAGS_AT..MAP_FLAGS_AT + 4)
    {
        field.copy_from_slice(&(flags & !NO_PREALLOC).to_le_bytes());
    }
}

/// Where a section is in the object.
struct Section {
    range: Range<usize>,
    is_code: bool,
    is_maps: bool,
}

fn sections(object: &[u8]) -> Vec<Section> {
    let Ok(file) = ElfFile64::<Endianness>::parse(object) else { return Vec::new() };
    let section = |section: ElfSection64<'_, '_, Endianness>| {
        let (offset, length) = section.file_range()?;
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        let is_code = section.kind() == SectionKind::Text;
        Some(Section { range: start..end, is_code, is_maps: section.name() == Ok("maps") })
    };
    file.sections().filter_map(section).collect()
}

/// A little-endian word.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::super::load::OBJECT;
    use super::*;

    fn chunks(object: &[u8], is: impl Fn(&Section) -> bool, size: usize) -> Vec<&[u8]> {
        sections(object)
            .into_iter()
            .filter(|section| is(section))
            .flat_map(|section| object[section.range].chunks_exact(size))
            .collect()
    }

    #[test]
    fn only_atomics_with_a_result_are_removed() {
        let adapted = adapt(OBJECT, Lacks { atomics: true, allocation: false });
        let (before, after) = (
            chunks(OBJECT, |section| section.is_code, INSTRUCTION),
            chunks(&adapted, |section| section.is_code, INSTRUCTION),
        );
        assert!(before.iter().any(|one| is_new_atomic(one)), "the object has some");
        assert_eq!(before.len(), after.len());
        for (before, after) in before.into_iter().zip(after) {
            assert_eq!(after, if is_new_atomic(before) { &NO_OPERATION } else { before });
        }
    }

    #[test]
    fn hash_maps_are_preallocated() {
        let flags = |object: &[u8]| -> Vec<(u32, u32)> {
            let definitions = chunks(object, |section| section.is_maps, DEFINITION);
            definitions.iter().map(|one| (word(one, 0).unwrap(), word(one, MAP_FLAGS_AT).unwrap())).collect()
        };
        let adapted = adapt(OBJECT, Lacks { atomics: false, allocation: true });
        assert!(flags(OBJECT).contains(&(1, 1)), "{:?}", flags(OBJECT));
        assert!(!flags(&adapted).contains(&(1, 1)), "{:?}", flags(&adapted));
        assert_eq!(flags(OBJECT).len(), flags(&adapted).len());
    }

    #[test]
    fn malformed_object_is_not_changed() {
        let lacks = Lacks { atomics: true, allocation: true };
        for length in [0, 1, 0x30, 0x40, 200] {
            assert_eq!(*adapt(&OBJECT[..length], lacks), OBJECT[..length]);
        }
    }
}
