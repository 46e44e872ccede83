//! Helper processes: this program again, with a different process id.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::options::{Options, value_name};
use crate::report::Report;
use crate::server::Serve;

/// A running `egret-traffic server`. It ends when its standard input does, and thus with this process.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Its addresses, in the requested order.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(serve: Serve, listen: &[SocketAddr]) -> Result<Self> {
        let mut command = this_program()?;
        command.arg("server").arg("--serve").arg(value_name(&serve));
        for address in listen {
            command.arg("--listen").arg(address.to_string());
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start the server process")?;
        let mut stdout = BufReader::new(child.stdout.take().context("the server process has no stdout")?);
        let mut line = String::new();
        stdout.read_line(&mut line).context("cannot read from the server process")?;
        let addresses = serde_json::from_str(&line).with_context(|| format!("the server process said {line:?}"))?;
        Ok(Self { child, stdout, addresses })
    }

    /// The first address.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        self.addresses.first().copied().context("the server process listens nowhere")
    }

    /// Lets the server finish what is under way, and returns its report.
    pub(crate) fn finish(mut self) -> Result<Report> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.stdout.read_line(&mut line).context("cannot read the server's report")?;
        let status = self.child.wait().context("cannot wait for the server process")?;
        if !status.success() {
            bail!("the server process ended with {status}");
        }
        serde_json::from_str(&line).with_context(|| format!("the server process reported {line:?}"))
    }
}

/// Runs `work` with the peer on the command line, or with a new server, whose report it adds.
pub(crate) fn with_server(
    options: &Options,
    serve: Serve,
    work: impl FnOnce(SocketAddr) -> Result<Report>,
) -> Result<Report> {
    if let Some(peer) = options.peer {
        return work(peer);
    }
    let server = Server::start(serve, &[options.loopback(0)])?;
    let report = work(server.address()?)?;
    Ok(report.with_child(Some(server.finish()?)))
}

/// A command that executes this very file, even if its path is another file by now.
pub(crate) fn this_program() -> Result<Command> {
    Ok(Command::new(std::env::current_exe().context("cannot tell the path of this program")?))
}

/// Runs a helper to its end and returns its report.
pub(crate) fn report_of(child: Child) -> Result<Report> {
    let output = child.wait_with_output().context("cannot wait for a helper process")?;
    if !output.status.success() {
        bail!("a helper process ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("a helper process printed no report")
}
