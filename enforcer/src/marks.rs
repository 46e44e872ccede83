//! The bits of packet and conntrack marks that carry verdicts.
//!
//! Marks belong to the whole host: others keep their own bits in them. egret has one field, and never touches a bit
//! outside of it.

/// A field of marks: so many neighbouring bits, whose value is a verdict.
///
/// | value | meaning |
/// |---|---|
/// | 0 | no verdict |
/// | 1 | blocked |
/// | 2 | let through this once; only ever on a packet |
/// | 3 and more | allowed, by the policy of a generation |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Marks {
    mask: u32,
}

/// A mask that no verdict fits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarksError {
    /// With fewer bits, an allowed flow of an old policy would soon pass for one of the current policy.
    #[error("the mark mask {0:#010x} has {1} bits, and at least {min} are needed", min = Marks::FEWEST_BITS)]
    TooFewBits(u32, u32),
    /// The field would have a hole.
    #[error("the bits of the mark mask {0:#010x} are not next to each other")]
    Apart(u32),
}

/// How a verdict of "blocked" is written in the field.
const BLOCKED: u32 = 1;
/// How a packet is marked that goes on, and of which nothing is remembered.
const PASSED: u32 = 2;
/// How a verdict of "allowed" of the first generation is written in the field.
const ALLOWED: u32 = 3;

impl Marks {
    /// The fewest bits of a mask.
    pub const FEWEST_BITS: u32 = 4;
    /// The mask if none is configured: eight bits, which `WireGuard`, Docker, Kubernetes and Tailscale do not use. Calico
    /// does.
    pub const DEFAULT_MASK: u32 = 0xff00_0000;

    /// A field below this mask.
    ///
    /// # Errors
    ///
    /// If the mask is too narrow or has a hole.
    pub const fn new(mask: u32) -> Result<Self, MarksError> {
        let bits = mask.count_ones();
        if bits < Self::FEWEST_BITS {
            return Err(MarksError::TooFewBits(mask, bits));
        }
        if mask.leading_zeros() + bits + mask.trailing_zeros() != u32::BITS {
            return Err(MarksError::Apart(mask));
        }
        Ok(Self { mask })
    }

    /// The bits that are egret's.
    #[must_use]
    pub const fn mask(self) -> u32 {
        self.mask
    }

    /// The field of a flow that is blocked.
    #[must_use]
    pub const fn blocked(self) -> u32 {
        BLOCKED << self.mask.trailing_zeros()
    }

    /// The field of a packet that is let through this once.
    #[must_use]
    pub const fn passed(self) -> u32 {
        PASSED << self.mask.trailing_zeros()
    }

    /// The field of a flow that the policy of this generation allows.
    #[must_use]
    pub const fn allowed(self, generation: u32) -> u32 {
        (ALLOWED + generation % self.generations()) << self.mask.trailing_zeros()
    }

    /// How many generations there are before one looks like an earlier one.
    #[must_use]
    pub const fn generations(self) -> u32 {
        // All values but "no verdict", "blocked" and "let through this once".
        (self.mask >> self.mask.trailing_zeros()) - (ALLOWED - 1)
    }

    /// The mark with the field in it. The bits of others stay as they are.
    #[must_use]
    pub const fn apply(self, mark: u32, field: u32) -> u32 {
        (mark & !self.mask) | (field & self.mask)
    }

    /// The field of a mark.
    #[must_use]
    pub const fn field(self, mark: u32) -> u32 {
        mark & self.mask
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self { mask: Self::DEFAULT_MASK }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Marks, MarksError};

    /// Every field there can be.
    fn marks() -> impl Strategy<Value = Marks> {
        (Marks::FEWEST_BITS..=32)
            .prop_flat_map(|bits| (Just(bits), 0..=32 - bits))
            .prop_map(|(bits, shift)| Marks::new((u32::MAX >> (32 - bits)) << shift).unwrap())
    }

    proptest! {
        #[test]
        fn foreign_mark_bits_are_kept(marks in marks(), mark: u32, generation: u32) {
            for field in [0, marks.blocked(), marks.passed(), marks.allowed(generation)] {
                let applied = marks.apply(mark, field);
                prop_assert_eq!(applied & !marks.mask(), mark & !marks.mask());
                prop_assert_eq!(marks.field(applied), field);
            }
        }

        #[test]
        fn each_verdict_has_its_own_mark(marks in marks(), generation: u32) {
            prop_assert_ne!(marks.blocked(), 0);
            prop_assert_ne!(marks.allowed(generation), 0);
            prop_assert_ne!(marks.allowed(generation), marks.blocked());
            prop_assert_ne!(marks.allowed(generation), marks.passed());
            prop_assert!(![0, marks.blocked()].contains(&marks.passed()));
            prop_assert_eq!(marks.allowed(generation) & !marks.mask(), 0);
        }

        #[test]
        fn generation_number_differs_from_recent_ones(marks in marks(), generation in 0..u32::MAX / 2, apart: u32) {
            let apart = 1 + apart % (marks.generations() - 1).min(u32::MAX / 2);
            prop_assert_ne!(marks.allowed(generation), marks.allowed(generation + apart));
        }

        #[test]
        fn mask_is_a_field_or_refused(mask: u32) {
            let neighbours = format!("{mask:b}").trim_end_matches('0').chars().all(|bit| bit == '1');
            match Marks::new(mask) {
                Ok(marks) => prop_assert!(marks.mask() == mask && neighbours && mask.count_ones() >= 4),
                Err(MarksError::TooFewBits(named, bits)) => prop_assert!(named == mask && bits < 4),
                Err(MarksError::Apart(named)) => prop_assert!(named == mask && !neighbours),
            }
        }
    }

    #[test]
    fn default_mask_gives_the_documented_field() {
        let marks = Marks::default();
        assert_eq!(marks.blocked(), 0x0100_0000);
        assert_eq!(marks.passed(), 0x0200_0000);
        assert_eq!(marks.allowed(0), 0x0300_0000);
        assert_eq!(marks.allowed(252), 0xff00_0000);
        assert_eq!(marks.allowed(253), 0x0300_0000);
        assert_eq!(marks.generations(), 253);
    }

    #[test]
    fn mask_may_use_every_bit() {
        let marks = Marks::new(u32::MAX).unwrap();
        assert_eq!((marks.blocked(), marks.passed(), marks.allowed(0)), (1, 2, 3));
        // One generation more than there are before the values begin anew.
        assert_eq!(marks.allowed(marks.generations()), 3);
    }

    #[test]
    fn refused_mask_names_its_reason() {
        let message = |mask| Marks::new(mask).unwrap_err().to_string();
        assert_eq!(message(0), "the mark mask 0x00000000 has 0 bits, and at least 4 are needed");
        assert_eq!(message(0x0000_0f0f), "the bits of the mark mask 0x00000f0f are not next to each other");
    }
}
