//! Embeds the kernel side, built by `cargo xtask build`, into the library.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=EGRET_BPF_OBJECT");
    let object = env::var_os("EGRET_BPF_OBJECT").map_or_else(default_object, PathBuf::from);
    println!("cargo::rerun-if-changed={}", object.display());
    let to = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("egret-ebpf");
    if let Err(error) = fs::copy(&object, &to) {
        println!(
            "cargo::error=cannot read the kernel side at {}: {error}; run `cargo xtask build` once",
            object.display()
        );
    }
}

fn default_object() -> PathBuf {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    root.ancestors().nth(2).unwrap_or(Path::new(".")).join("target/bpf/egret-ebpf")
}
