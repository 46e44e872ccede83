//! The output of a running daemon: standard output, standard error, and notifications of the service manager.

use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The output so far.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
    pub(super) notifications: Vec<String>,
    /// Whether the reader should end.
    pub(super) over: bool,
}

/// Collects the output of a pipe.
pub(super) fn reader(
    output: &Arc<Mutex<Output>>,
    mut pipe: impl Read + Send + 'static,
    note: impl Fn(&mut Output, &[u8]) + Send + 'static,
) -> JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            note(&mut output.lock().expect("no reader panics"), &buffer[..length]);
        }
    })
}

/// Collects notifications until the reader should end.
pub(super) fn listen(output: &Arc<Mutex<Output>>, socket: UnixDatagram) {
    let output = Arc::clone(output);
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket has a timeout");
    thread::spawn(move || {
        let mut buffer = vec![0; 4096];
        loop {
            let received = socket.recv(&mut buffer);
            let mut output = output.lock().expect("no reader panics");
            if let Ok(length) = received {
                output.notifications.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
            if output.over {
                return;
            }
        }
    });
}
