//! The parser of kernel type information: never panics and always ends, whatever it is given.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Looks up every structure and member that egret knows.
    let _ = egret_capture::offsets_in(data);
});
