//! What a daemon tells while it runs: on its outputs, and to the service manager.

use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What it has told so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
    pub(super) notifications: Vec<String>,
    /// Nobody asks any more.
    pub(super) over: bool,
}

/// Keeps what comes through a pipe.
pub(super) fn reader(
    told: &Arc<Mutex<Told>>,
    mut pipe: impl Read + Send + 'static,
    note: impl Fn(&mut Told, &[u8]) + Send + 'static,
) -> JoinHandle<()> {
    let told = Arc::clone(told);
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            note(&mut told.lock().expect("no reader panics"), &buffer[..length]);
        }
    })
}

/// Keeps what comes until nobody asks any more.
pub(super) fn listen(told: &Arc<Mutex<Told>>, socket: UnixDatagram) {
    let told = Arc::clone(told);
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket has a timeout");
    thread::spawn(move || {
        let mut buffer = vec![0; 4096];
        loop {
            let received = socket.recv(&mut buffer);
            let mut told = told.lock().expect("no reader panics");
            if let Ok(length) = received {
                told.notifications.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
            if told.over {
                return;
            }
        }
    });
}
