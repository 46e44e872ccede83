//! TLS client hellos: never panics, and the server name does not depend on the segmentation.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use egret_model::Timestamp;
use egret_names::{Carrier, Client, Names, Segment, Settings};
use libfuzzer_sys::fuzz_target;

/// Bytes kept of one connection.
const HELD: usize = 16 * 1024;

fuzz_target!(|data: &[u8]| {
    let data = &data[..data.len().min(HELD - 1)];
    let whole = server_name(data, data.len().max(1));
    for size in [1, 7, 64, 1220] {
        assert_eq!(server_name(data, size), whole, "in packets of {size}");
    }
    if let Some(name) = whole {
        assert!(!name.is_empty() && name.len() <= 253);
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
    }
});

fn server_name(data: &[u8], size: usize) -> Option<Arc<str>> {
    let mut names = Names::new(Settings { addresses: 1, ..Settings::default() });
    let remote = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 443));
    let segment = |carrier, payload| {
        let time = Timestamp(0);
        Segment {
            time,
            cookie: 1,
            process: None,
            user: None,
            namespace: 1,
            carrier,
            remote,
            payload,
            length: payload.len(),
        }
    };
    for (part, at) in data.chunks(size).zip((0u32..).step_by(size)) {
        names.hello(&segment(Carrier::Tcp { sequence: at.wrapping_sub(100) }, part));
    }
    names.find(client(1), remote.ip(), Timestamp(0)).map(|server| server.name)
}

const fn client(cookie: u64) -> Client {
    Client { cookie, process: None, namespace: 1 }
}
