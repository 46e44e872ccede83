//! What a packet's mark and its connection's mark say of it.

/// The bits of a mark that are egret's: one field, of four bits at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    mask: u32,
}

impl Default for Marks {
    fn default() -> Self {
        Self { mask: 0xff00_0000 }
    }
}

impl Marks {
    /// The field of what is blocked.
    #[must_use]
    pub const fn blocked(self) -> u32 {
        1 << self.mask.trailing_zeros()
    }

    /// The field of what is allowed by the policy of this generation.
    #[must_use]
    pub const fn allowed(self, generation: u32) -> u32 {
        let values = (1 << self.mask.count_ones()) - 2;
        (2 + generation % values) << self.mask.trailing_zeros()
    }

    /// A mark with this field; other bits are kept.
    #[must_use]
    pub const fn apply(self, mark: u32, field: u32) -> u32 {
        (mark & !self.mask) | (field & self.mask)
    }
}
