//! The metrics after events with known sums.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod blocked;
mod bounds;
mod counts;
mod enforcement;
mod exposition;
mod http;
mod page;
mod situation;
mod speed;
