//! A web server and a client.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread::{self, JoinHandle};

use egret_tests::{Namespace, Process};
use nix::sys::socket::{Shutdown, shutdown};

/// Answers every request with an empty page, at every address of a namespace.
pub(super) struct Web {
    listener: TcpListener,
    thread: Option<JoinHandle<()>>,
    pub(super) port: u16,
}

impl Web {
    pub(super) fn start(namespace: &Namespace) -> Self {
        let listener = namespace.within(|| TcpListener::bind("[::]:0").unwrap());
        let port = listener.local_addr().unwrap().port();
        let accepting = listener.try_clone().unwrap();
        let serve = move || accepting.incoming().map_while(Result::ok).for_each(|stream| answer(&stream));
        Self { listener, thread: Some(thread::spawn(serve)), port }
    }

    /// The server at one of the addresses.
    pub(super) fn at(&self, address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), self.port)
    }
}

/// A client that closes early is not an error.
fn answer(stream: &TcpStream) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    if lines.into_iter().any(|line| line.is_empty()) {
        let mut stream = stream;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        // Ends the wait for the next connection. A drop cannot report errors.
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Fetches a page with curl; returns its process id.
pub(super) fn fetch(namespace: &Namespace, url: &str) -> u32 {
    let mut curl = Process::start(namespace.command("curl").args(["--silent", "--show-error", "--noproxy", "*", url]));
    let status = curl.wait();
    assert!(status.success(), "curl {url} ended with {status}");
    curl.pid()
}
