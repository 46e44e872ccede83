//! The text and what it means.

mod comparing;
mod learning;
mod meaning;
mod strategy;
mod text;
