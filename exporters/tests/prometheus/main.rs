//! What a scrape of egret's metrics shows, after events of which the test knows the sum.
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
