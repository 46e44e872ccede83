//! Debug information is removed from the compiled kernel side: it is three quarters of the object, which the
//! binary embeds, and nothing reads it there. Type information (`.BTF`, `.BTF.ext`), which the kernel reads,
//! stays.

use anyhow::{Context as _, Result};
use object::build::elf::{Builder, SectionData};
use object::elf::SHT_STRTAB;

/// The object without its `.debug_*` sections and their relocations.
///
/// # Errors
///
/// It is no complete ELF object.
pub(crate) fn without_debug_information(object: &[u8]) -> Result<Vec<u8>> {
    let mut builder = Builder::read(object).context("not an ELF object")?;
    for section in &mut builder.sections {
        section.delete = [".debug_", ".rel.debug_"].iter().any(|prefix| section.name.starts_with(prefix.as_bytes()));
    }
    builder.delete_orphans();
    // LLVM writes one table for the names of sections and symbols; the builder needs two.
    if !builder.sections.iter().any(|section| matches!(section.data, SectionData::SectionString)) {
        let names = builder.sections.add();
        names.name = b".shstrtab"[..].into();
        names.sh_type = SHT_STRTAB;
        names.sh_addralign = 1;
        names.data = SectionData::SectionString;
    }
    let mut stripped = Vec::new();
    builder.write(&mut stripped).context("the object cannot be written")?;
    Ok(stripped)
}

#[cfg(test)]
mod tests {
    use object::write::{Object, StandardSegment};
    use object::{Architecture, BinaryFormat, Endianness, Object as _, ObjectSection as _, SectionKind};

    use super::*;

    fn object(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
        let segment = object.segment_name(StandardSegment::Text).to_vec();
        for (name, content) in sections {
            let section = object.add_section(segment.clone(), name.as_bytes().to_vec(), SectionKind::Text);
            object.append_section_data(section, content, 8);
        }
        object.write().unwrap()
    }

    #[test]
    fn only_debug_sections_are_removed() {
        let long = [7; 1000];
        let sections = [("code", &b"abc"[..]), (".debug_info", &long), (".rel.debug_info", &long), (".BTF", b"types")];
        let stripped = without_debug_information(&object(&sections)).unwrap();
        let file = object::File::parse(&*stripped).unwrap();
        let content = |name| file.section_by_name(name).map(|section| section.data().unwrap().to_vec());
        assert_eq!((content("code"), content(".BTF")), (Some(b"abc".into()), Some(b"types".into())));
        assert_eq!((content(".debug_info"), content(".rel.debug_info")), (None, None));
        assert!(stripped.len() < 900, "{}", stripped.len());
        assert_eq!(without_debug_information(&stripped).unwrap(), stripped);
    }

    #[test]
    fn truncated_object_is_an_error() {
        let whole = object(&[("code", b"abc")]);
        for end in 0..whole.len() {
            assert!(without_debug_information(&whole[..end]).is_err(), "{end}");
        }
    }
}
