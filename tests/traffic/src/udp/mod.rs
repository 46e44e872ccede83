//! Ways over UDP.

pub(crate) mod many;
pub(crate) mod one;
pub(crate) mod segments;
pub(crate) mod serving;
