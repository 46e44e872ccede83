//! Offsets of the fields of kernel structures, from the kernel's type information (BTF).
//!
//! Format: Documentation/bpf/btf.rst in the kernel source. Only members are parsed, which are found by name.

use std::collections::HashMap;

use thiserror::Error;

const MAGIC: u16 = 0xeb9f;
const HEADER: usize = 24;
const TYPE: usize = 12;
const MEMBER: usize = 12;

const KIND_INT: u32 = 1;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;

/// Depth of nested anonymous structures and typedefs.
const MAX_DEPTH: u32 = 16;
/// Members that are compared with one name. `task_struct` has some 300; without a limit, structures that contain
/// themselves would be walked forever.
const MAX_MEMBERS: u32 = 65_536;

#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum BtfError {
    #[error("kernel type information ends at byte {0}, in the middle of an item")]
    Truncated(usize),
    #[error("kernel type information has the wrong magic number or version")]
    Format,
}

/// An index of raw type information.
pub(super) struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Byte offset of every type; type ids count from 1.
    offsets: Vec<u32>,
    structures: HashMap<&'a [u8], u32>,
}

impl<'a> Btf<'a> {
    /// Indexes raw type information, as in `/sys/kernel/btf/vmlinux`.
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, BtfError> {
        if half(data, 0)? != MAGIC || data.get(2) != Some(&1) {
            return Err(BtfError::Format);
        }
        let header = word(data, 4)? as usize;
        if header < HEADER {
            return Err(BtfError::Format);
        }
        let types = section(data, header, word(data, 8)?, word(data, 12)?)?;
        let strings = section(data, header, word(data, 16)?, word(data, 20)?)?;
        let mut btf = Self { types, strings, offsets: Vec::new(), structures: HashMap::new() };
        btf.index()?;
        Ok(btf)
    }

    fn index(&mut self) -> Result<(), BtfError> {
        let mut at = 0;
        while at < self.types.len() {
            let info = word(self.types, at + 4)?;
            let (kind, count) = (kind_of(info), (info & 0xffff) as usize);
            let id = u32::try_from(self.offsets.len() + 1).map_err(|_| BtfError::Format)?;
            if kind == KIND_STRUCT {
                let name = self.string(word(self.types, at)?);
                self.structures.entry(name).or_insert(id);
            }
            self.offsets.push(u32::try_from(at).map_err(|_| BtfError::Format)?);
            at += TYPE + extra(kind, count);
        }
        Ok(())
    }

    /// Byte offset of a member, by the structure's name and the path of members: `&["d_name", "len"]`. Members of
    /// anonymous structures and unions belong to the outer structure, as in C. A bit field that does not begin at
    /// a byte has none.
    pub(super) fn offset(&self, structure: &str, path: &[&str]) -> Option<u32> {
        let bits = self.bit_offset(structure, path)?;
        (bits % 8 == 0).then_some(bits / 8)
    }

    /// The same in bits, for bit fields.
    pub(super) fn bit_offset(&self, structure: &str, path: &[&str]) -> Option<u32> {
        let mut id = *self.structures.get(structure.as_bytes())?;
        let mut offset: u32 = 0;
        for name in path {
            let mut budget = MAX_MEMBERS;
            let (bits, member) = self.member(id, name.as_bytes(), 0, &mut budget)?;
            offset = offset.checked_add(bits)?;
            id = member;
        }
        Some(offset)
    }

    /// Bit offset and type of a member. `budget` is the number of members that may be compared.
    fn member(&self, id: u32, name: &[u8], depth: u32, budget: &mut u32) -> Option<(u32, u32)> {
        if depth > MAX_DEPTH {
            return None;
        }
        let at = self.structure(id)?;
        let info = word(self.types, at + 4).ok()?;
        for index in 0..(info & 0xffff) as usize {
            *budget = budget.checked_sub(1)?;
            let member = at + TYPE + index * MEMBER;
            let found = self.string(word(self.types, member).ok()?);
            let kind = word(self.types, member + 4).ok()?;
            // With the kind flag, the upper eight bits are the size of a bit field.
            let bits = word(self.types, member + 8).ok()? & if info >> 31 == 1 { 0x00ff_ffff } else { u32::MAX };
            if found == name {
                return Some((bits, kind));
            }
            if found.is_empty()
                && let Some((inner, kind)) = self.member(kind, name, depth + 1, budget)
            {
                return Some((bits.checked_add(inner)?, kind));
            }
        }
        None
    }

    /// Byte offset of the structure or union behind qualifiers and typedefs.
    fn structure(&self, mut id: u32) -> Option<usize> {
        for _ in 0..MAX_DEPTH {
            let at = *self.offsets.get((id as usize).checked_sub(1)?)? as usize;
            match kind_of(word(self.types, at + 4).ok()?) {
                KIND_STRUCT | KIND_UNION => return Some(at),
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => {
                    id = word(self.types, at + 8).ok()?;
                }
                _ => return None,
            }
        }
        None
    }

    fn string(&self, offset: u32) -> &'a [u8] {
        let rest = self.strings.get(offset as usize..).unwrap_or_default();
        rest.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

fn kind_of(info: u32) -> u32 {
    (info >> 24) & 0x1f
}

/// Bytes that follow a type of this kind.
fn extra(kind: u32, count: usize) -> usize {
    match kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12 * count,
        KIND_ENUM | KIND_FUNC_PROTO => 8 * count,
        _ => 0,
    }
}

fn section(data: &[u8], header: usize, offset: u32, length: u32) -> Result<&[u8], BtfError> {
    let start = header + offset as usize;
    data.get(start..start + length as usize).ok_or(BtfError::Truncated(data.len()))
}

fn half(data: &[u8], at: usize) -> Result<u16, BtfError> {
    data.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u16::from_ne_bytes(*bytes)).ok_or(BtfError::Truncated(at))
}

fn word(data: &[u8], at: usize) -> Result<u32, BtfError> {
    data.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_ne_bytes(*bytes)).ok_or(BtfError::Truncated(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct list_head` has had this shape since Linux 2.0, on 64-bit machines eight bytes a pointer.
    #[test]
    fn members_of_the_running_kernel_are_found() {
        let Ok(data) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            eprintln!("skipped: this kernel has no type information");
            return;
        };
        let btf = Btf::parse(&data).unwrap();
        assert_eq!(btf.offset("list_head", &["next"]), Some(0));
        assert_eq!(btf.offset("list_head", &["prev"]), Some(8));
        assert_eq!(btf.offset("list_head", &["missing"]), None);
        assert_eq!(btf.offset("no_such_structure", &["next"]), None);
        // Inside anonymous unions and structures.
        let port = btf.offset("sock_common", &["skc_dport"]).unwrap();
        assert_eq!(btf.offset("sock_common", &["skc_num"]), Some(port + 2));
        // Through a nested member.
        assert!(btf.offset("dentry", &["d_name", "len"]) > btf.offset("dentry", &["d_name"]));
    }

    #[test]
    fn truncated_type_information_is_an_error() {
        let Ok(data) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            eprintln!("skipped: this kernel has no type information");
            return;
        };
        for length in [0, 1, 2, 3, 8, 23, 24, 25, data.len() / 2, data.len() - 1] {
            assert!(Btf::parse(&data[..length]).is_err(), "{length} bytes");
        }
    }

    /// Name, type and bit offset of a member.
    type Member<'a> = (&'a str, u32, u32);

    /// Type information of structures alone: name, and members by name, type id and bit offset.
    fn structures(list: &[(&str, &[Member<'_>])]) -> Vec<u8> {
        let (mut types, mut strings) = (Vec::new(), vec![0]);
        let mut name = |text: &str| {
            let at = u32::try_from(strings.len()).unwrap();
            strings.extend(text.bytes().chain([0]));
            at
        };
        for (structure, members) in list {
            let info = KIND_STRUCT << 24 | u32::try_from(members.len()).unwrap();
            types.extend([name(structure), info, 64].map(u32::to_ne_bytes).concat());
            for (member, id, bits) in *members {
                types.extend([name(member), *id, *bits].map(u32::to_ne_bytes).concat());
            }
        }
        let length = |section: &[u8]| u32::try_from(section.len()).unwrap();
        let header = [24, 0, length(&types), length(&types), length(&strings)].map(u32::to_ne_bytes).concat();
        [&MAGIC.to_ne_bytes()[..], &[1, 0], &header, &types, &strings].concat()
    }

    #[test]
    fn offsets_beyond_32_bits_are_not_found() {
        let data = structures(&[("outer", &[("", 2, u32::MAX - 7)]), ("inner", &[("far", 9, 8)])]);
        assert_eq!(Btf::parse(&data).unwrap().offset("inner", &["far"]), Some(1));
        assert_eq!(Btf::parse(&data).unwrap().offset("outer", &["far"]), None);
    }

    #[test]
    fn bit_fields_inside_a_byte_have_only_a_bit_offset() {
        let data = structures(&[("sock", &[("sk_padding", 2, 24), ("sk_userlocks", 2, 28)])]);
        let btf = Btf::parse(&data).unwrap();
        assert_eq!((btf.offset("sock", &["sk_padding"]), btf.bit_offset("sock", &["sk_padding"])), (Some(3), Some(24)));
        assert_eq!(
            (btf.offset("sock", &["sk_userlocks"]), btf.bit_offset("sock", &["sk_userlocks"])),
            (None, Some(28))
        );
    }

    #[test]
    fn search_of_recursive_structures_ends() {
        let data = structures(&[("snake", &[("", 1, 0), ("", 1, 0), ("", 1, 0), ("", 1, 0)])]);
        assert_eq!(Btf::parse(&data).unwrap().offset("snake", &["tail"]), None);
    }
}
