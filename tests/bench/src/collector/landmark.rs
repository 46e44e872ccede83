//! Traffic that proves that a tracer captures.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use anyhow::{Context as _, Result};

/// An address without other traffic.
pub(super) const LANDMARK: Ipv4Addr = Ipv4Addr::new(127, 77, 66, 55);

/// Open connections: at 20 ms each, two seconds of them, so that a scan every second finds some.
const HELD: usize = 100;

/// Connections that are closed at once for each open one: programs that buffer their output need many lines to show
/// one.
const PASSING: usize = 3;

/// Both endpoints of connections to the landmark.
pub(super) struct Landmark {
    listener: TcpListener,
    held: VecDeque<(TcpStream, TcpStream)>,
}

impl Landmark {
    pub(super) fn new() -> Result<Self> {
        let listener = TcpListener::bind((LANDMARK, 0)).context("cannot listen")?;
        Ok(Self { listener, held: VecDeque::with_capacity(HELD + 1) })
    }

    /// Makes some connections, one of which stays open for a while.
    pub(super) fn show(&mut self) -> Result<()> {
        for _ in 0..PASSING {
            self.connect()?;
        }
        let connection = self.connect()?;
        self.held.push_back(connection);
        if self.held.len() > HELD {
            self.held.pop_front();
        }
        Ok(())
    }

    fn connect(&self) -> Result<(TcpStream, TcpStream)> {
        let client = TcpStream::connect(self.listener.local_addr()?).context("cannot connect to ourselves")?;
        Ok((client, self.listener.accept().context("cannot accept")?.0))
    }
}
