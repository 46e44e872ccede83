//! Markdown.

mod document;
mod figure;
mod origin;
mod summary;
mod table;

pub(crate) use document::{Document, Section};
pub(crate) use figure::{bytes, nanoseconds, ratio, seconds, share};
pub(crate) use origin::origin;
pub(crate) use table::{Aims, Table};
