//! Amounts of memory and disk, with their unit.

use bytesize::ByteSize;

use crate::args;
use crate::config::given::{Fault, Given};
use crate::config::slot::Setting;
use crate::config::toml_text::quoted;

const EXPECTED: &str = "a size such as \"64KiB\" or \"10GiB\"";

/// Bytes, at least `MIN`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct Size<const MIN: u64>(pub(in crate::config) u64);

impl<const MIN: u64> Setting for Size<MIN> {
    fn expected() -> String {
        format!("{EXPECTED}, at least {}", quoted(&shown(MIN)))
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        given.read(&Self::expected(), |text| {
            let size = text.parse::<ByteSize>().ok().map(|size| size.as_u64());
            size.filter(|bytes| *bytes >= MIN).map(Self).ok_or_else(|| format!("expected {}", Self::expected()))
        })
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&shown(self.0)))
    }
}

/// Bytes of a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct RingSize(pub(in crate::config) u32);

impl Setting for RingSize {
    fn expected() -> String {
        "a size that is a power of two, such as \"4MiB\", from one page to \"2GiB\"".to_owned()
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        given.read(&Self::expected(), args::ring_bytes).map(Self)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&shown(self.0.into())))
    }
}

/// In the largest unit that says it exactly.
fn shown(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let exact = units.iter().find(|(shift, _)| bytes != 0 && bytes.trailing_zeros() >= *shift);
    exact.map_or_else(|| format!("{bytes}B"), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}
