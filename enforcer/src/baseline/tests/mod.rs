//! The text and what it means.

mod comparing;
mod learning;
mod meaning;
mod outcomes;
mod reconciling;
pub(crate) mod strategy;
mod text;
