//! The Parquet log by its files and their content.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../support/events.rs"]
mod events;
mod files;
mod log;
mod queries;
mod retention;
mod round_trip;
#[allow(dead_code, reason = "shared with the tests of other sinks")]
#[path = "../support/running.rs"]
mod running;
mod versions;

use egret_exporters::parquet::schema;

/// The reference page is that of the schema; `EGRET_BLESS=1` regenerates it.
#[test]
fn reference_page_is_that_of_the_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema.md");
    if std::env::var_os("EGRET_BLESS").is_some() {
        std::fs::write(path, schema::reference()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), schema::reference());
}
