//! A web server, and an HTTP client for metrics.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::thread::{self, JoinHandle};

use egret_tests::{Namespace, PATIENCE};
use nix::sys::socket::{Shutdown, shutdown};

/// Answers every request with an empty page, at every address of a namespace.
pub(crate) struct Web {
    listener: TcpListener,
    thread: Option<JoinHandle<()>>,
    pub(crate) port: u16,
}

impl Web {
    pub(crate) fn start(namespace: &Namespace) -> Self {
        Self::start_at(namespace, 0)
    }

    pub(crate) fn start_at(namespace: &Namespace, port: u16) -> Self {
        let listener = namespace.within(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap());
        let port = listener.local_addr().unwrap().port();
        let accepting = listener.try_clone().unwrap();
        let serve = move || {
            for stream in accepting.incoming().map_while(Result::ok) {
                thread::spawn(move || answer(&stream));
            }
        };
        Self { listener, thread: Some(thread::spawn(serve)), port }
    }
}

/// A client that closes early is not an error.
fn answer(mut stream: &TcpStream) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if line.is_empty() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        // Ends the wait for the next connection. A drop cannot report errors.
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What a server in a namespace answers.
pub(crate) fn get(namespace: &Namespace, address: &str, path: &str) -> String {
    namespace.within(|| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
}
