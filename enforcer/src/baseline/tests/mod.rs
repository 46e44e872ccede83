//! The text and what it means.

mod comparing;
mod kernel;
mod learning;
mod meaning;
mod namespaces;
mod outcomes;
mod reconciling;
pub(crate) mod strategy;
mod text;
