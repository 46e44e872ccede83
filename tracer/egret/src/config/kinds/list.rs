//! Lists of names, and numbers with a form of their own.

use crate::config::given::{Fault, Given};
use crate::config::slot::Setting;
use crate::config::toml_text::quoted;

/// Names, in no order that matters. In a variable they stand between commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct Items(pub(in crate::config) Vec<String>);

const ITEMS: &str = "a list of texts";

impl Setting for Items {
    fn expected() -> String {
        ITEMS.to_owned()
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        let items = given.items().ok_or_else(|| given.fault(format!("expected {ITEMS}")))?;
        let (mut texts, mut faults) = (Vec::new(), Vec::new());
        for item in items {
            match item.text() {
                Some(text) if !text.trim().is_empty() && !text.chars().any(char::is_control) => {
                    texts.push(text.to_owned());
                }
                _ => faults.extend(item.fault("expected text")),
            }
        }
        if faults.is_empty() { Ok(Self(texts)) } else { Err(faults) }
    }

    fn show(&self) -> Option<String> {
        let items: Vec<_> = self.0.iter().map(|item| quoted(item)).collect();
        (!items.is_empty()).then(|| format!("[{}]", items.join(", ")))
    }
}

/// Bits of a 32-bit mark, side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct MarkMask(pub(in crate::config) u32);

const MASK: &str = "four bits or more, side by side, such as \"0xff000000\"";

/// Fewer leave no room for generations of the policy.
const FEWEST_BITS: u32 = 4;

impl Setting for MarkMask {
    fn expected() -> String {
        MASK.to_owned()
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        given.read(MASK, |text| {
            let digits = text.strip_prefix("0x").ok_or_else(|| format!("expected {MASK}"))?;
            let mask = u32::from_str_radix(digits, 16).ok().filter(|mask| is_run(*mask));
            mask.map(Self).ok_or_else(|| format!("expected {MASK}"))
        })
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&format!("{:#x}", self.0)))
    }
}

fn is_run(mask: u32) -> bool {
    let bits = mask.count_ones();
    bits >= FEWEST_BITS && mask.leading_zeros() + bits + mask.trailing_zeros() == u32::BITS
}

/// A share, in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct Percent(pub(in crate::config) u8);

const PERCENT: &str = "a share from \"1%\" to \"100%\"";

impl Setting for Percent {
    fn expected() -> String {
        PERCENT.to_owned()
    }

    fn read(given: &Given) -> Result<Self, Vec<Fault>> {
        given.read(PERCENT, |text| {
            let number = text.strip_suffix('%').and_then(|number| number.parse().ok());
            number.filter(|number| (1..=100).contains(number)).map(Self).ok_or_else(|| format!("expected {PERCENT}"))
        })
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&format!("{}%", self.0)))
    }
}
