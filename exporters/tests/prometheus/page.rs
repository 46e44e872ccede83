//! The reference page is that of the code.

use std::{env, fs};

use egret_exporters::prometheus::page;

#[test]
fn reference_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    if env::var_os("EGRET_BLESS").is_some() {
        fs::write(path, page()).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(written == page(), "docs/metrics.md is not what the code says; EGRET_BLESS=1 writes it anew");
}
