//! The Parquet log seen from outside: the files that are there, and what a reader finds in them.
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

/// The reference page says what the schema is; `EGRET_BLESS=1` writes it anew.
#[test]
fn the_reference_page_is_that_of_the_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema.md");
    if std::env::var_os("EGRET_BLESS").is_some() {
        std::fs::write(path, schema::reference()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), schema::reference());
}
