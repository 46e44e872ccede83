//! The text and what it means.

mod comparing;
mod learning;
mod meaning;
mod reconciling;
mod strategy;
mod text;
