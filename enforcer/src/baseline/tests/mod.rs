//! The text and what it means.

mod comparing;
mod learning;
mod meaning;
pub(crate) mod strategy;
mod text;
