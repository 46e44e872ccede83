//! One long TCP connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context as _, Result, anyhow};

use super::Workload;
use crate::host::pin;

/// Both endpoints of a new connection.
fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    let client = TcpStream::connect(listener.local_addr()?).context("cannot connect")?;
    let (server, _) = listener.accept().context("cannot accept")?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

/// One write, bytes.
const BLOCK: usize = 1 << 20;

struct Transfer {
    client: TcpStream,
    server: TcpStream,
    server_cpu: usize,
    block: Vec<u8>,
}

pub(super) fn transfer(server_cpu: usize) -> Result<Box<dyn Workload>> {
    let (client, server) = pair()?;
    Ok(Box::new(Transfer { client, server, server_cpu, block: vec![0x5a; BLOCK] }))
}

impl Workload for Transfer {
    /// Until the last byte is read.
    fn run(&mut self, operations: u64) -> Result<()> {
        let Self { client, server, server_cpu, block } = self;
        let read = || {
            pin(*server_cpu)?;
            let mut buffer = vec![0; BLOCK];
            for _ in 0..operations {
                server.read_exact(&mut buffer).context("cannot read")?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let reader = scope.spawn(read);
            for _ in 0..operations {
                client.write_all(block).context("cannot write")?;
            }
            reader.join().map_err(|_| anyhow!("the reading thread broke down"))?
        })
    }
}

struct PingPong {
    client: TcpStream,
    server: TcpStream,
}

pub(super) fn ping_pong(_: usize) -> Result<Box<dyn Workload>> {
    let (client, server) = pair()?;
    Ok(Box::new(PingPong { client, server }))
}

impl Workload for PingPong {
    fn run(&mut self, operations: u64) -> Result<()> {
        let mut buffer = [0x5a; 64];
        for _ in 0..operations {
            self.client.write_all(&buffer)?;
            self.server.read_exact(&mut buffer)?;
            self.server.write_all(&buffer)?;
            self.client.read_exact(&mut buffer)?;
        }
        Ok(())
    }
}
