//! TCP connections without data.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use socket2::SockRef;

use super::Workload;
use crate::host::pin;

/// The endpoint that closes first keeps both addresses and ports for a minute: 64 addresses times 28,000 ports exceed
/// a minute of connections.
const ADDRESSES: u8 = 64;

struct WithServer {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    server_cpu: usize,
}

/// A client, and a server thread that accepts and closes. The server closes first, and the client waits for that:
/// neither runs ahead, and no client port stays in TIME-WAIT.
pub(super) fn with_server(server_cpu: usize) -> Result<Box<dyn Workload>> {
    let listeners = (1..=ADDRESSES).map(|last| listen(Ipv4Addr::new(127, 0, 1, last))).collect::<Result<Vec<_>>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    Ok(Box::new(WithServer { listeners, addresses, server_cpu }))
}

fn listen(address: Ipv4Addr) -> Result<TcpListener> {
    let listener = TcpListener::bind((address, 0)).context("cannot listen")?;
    // Ends the server if its client fails.
    SockRef::from(&listener).set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(listener)
}

impl Workload for WithServer {
    fn run(&mut self, operations: u64) -> Result<()> {
        let serve = || {
            pin(self.server_cpu)?;
            for (_, listener) in (0..operations).zip(self.listeners.iter().cycle()) {
                drop(listener.accept().context("cannot accept")?);
            }
            Ok(())
        };
        thread::scope(|scope| {
            let server = scope.spawn(serve);
            let client = connect_all(operations, &self.addresses);
            let server = server.join().map_err(|_| anyhow!("the server thread broke down"))?;
            client.and(server)
        })
    }
}

fn connect_all(operations: u64, addresses: &[SocketAddr]) -> Result<()> {
    for (_, address) in (0..operations).zip(addresses.iter().cycle()) {
        let mut stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        if stream.read(&mut [0]).context("the server did not close as it should")? != 0 {
            bail!("the server sent something");
        }
    }
    Ok(())
}

/// Both endpoints in one thread: on loopback a connection is established when `connect` returns.
struct Alone {
    listener: TcpListener,
    address: SocketAddr,
}

pub(super) fn alone(_: usize) -> Result<Box<dyn Workload>> {
    let listener = listen(Ipv4Addr::LOCALHOST)?;
    Ok(Box::new(Alone { address: listener.local_addr()?, listener }))
}

impl Workload for Alone {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let client = TcpStream::connect(self.address).context("cannot connect")?;
            let server = self.listener.accept().context("cannot accept")?;
            SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
            drop((client, server));
        }
        Ok(())
    }
}
