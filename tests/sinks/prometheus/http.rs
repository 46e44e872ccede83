//! A minimal HTTP client for local servers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use egret_tests::PATIENCE;

/// The status and the body of the answer; `None` if the connection is refused.
pub(super) fn try_get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // HTTP/1.0 has no chunked encoding.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

pub(super) fn get(address: &str, path: &str) -> (u16, String) {
    try_get(address, path).unwrap_or_else(|| panic!("no answer from {address}{path}"))
}
