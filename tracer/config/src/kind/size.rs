//! Sizes with a unit.

use bytesize::ByteSize;

use super::Kind;
use crate::raw::{Invalid, RawValue};
use crate::toml_text::quoted;
use crate::value::ring_bytes;

const EXPECTED: &str = "a size such as \"64KiB\" or \"10GiB\"";

/// Bytes, at least `MIN`.
pub struct Size<const MIN: u64>;

impl<const MIN: u64> Kind for Size<MIN> {
    type Value = u64;

    fn expected() -> String {
        format!("{EXPECTED}, at least {}", quoted(&shown(MIN)))
    }

    fn read(raw: &RawValue) -> Result<u64, Vec<Invalid>> {
        raw.read(&Self::expected(), |text| {
            let size = text.parse::<ByteSize>().ok().map(|size| size.as_u64());
            size.filter(|bytes| *bytes >= MIN).ok_or_else(|| format!("expected {}", Self::expected()))
        })
    }

    fn show(value: &u64) -> Option<String> {
        Some(quoted(&shown(*value)))
    }
}

/// The size of a ring buffer in bytes.
pub struct RingSize;

impl Kind for RingSize {
    type Value = u32;

    fn expected() -> String {
        "a size that is a power of two, such as \"4MiB\", from one page to \"2GiB\"".to_owned()
    }

    fn read(raw: &RawValue) -> Result<u32, Vec<Invalid>> {
        raw.read(&Self::expected(), ring_bytes)
    }

    fn show(value: &u32) -> Option<String> {
        Some(quoted(&shown((*value).into())))
    }
}

/// In the largest unit that is exact.
fn shown(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let exact = units.iter().find(|(shift, _)| bytes != 0 && bytes.trailing_zeros() >= *shift);
    exact.map_or_else(|| format!("{bytes}B"), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}
