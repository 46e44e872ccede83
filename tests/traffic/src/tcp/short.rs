//! Short-lived processes.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::helper::{this_program, with_server};
use crate::options::Options;
use crate::report::{Flow, Report, Transport, canonical, errno_name};
use crate::server::Serve;

/// First argument of such a process; the second is the peer.
const ONE_SHOT: &str = "one-shot";

/// The exit status if this process is a short-lived one: it connects, sends one byte, prints a line, and ends.
pub(crate) fn one_shot() -> Option<ExitCode> {
    // The path of this program may not be UTF-8.
    let mut arguments = std::env::args_os().skip(1).map_while(|argument| argument.into_string().ok());
    if arguments.next()? != ONE_SHOT {
        return None;
    }
    let sent = arguments.next().and_then(|peer| peer.parse().ok()).map(send_one);
    Some(match sent {
        Some(line) if std::io::stdout().write_all(line.as_bytes()).is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// `LOCAL SENT ERRNO`, with `-` for absent values.
fn send_one(peer: SocketAddr) -> String {
    let attempt = TcpStream::connect(peer).and_then(|mut stream| {
        let sent = stream.write(b"x")?;
        Ok((stream.local_addr()?, sent))
    });
    match attempt {
        Ok((local, sent)) => format!("{} {sent} -\n", canonical(local)),
        Err(error) => format!("- 0 {}\n", errno_name(&error)),
    }
}

/// The way `tcp-short`: `--count` short processes one after the other.
pub(crate) fn run(options: &Options) -> Result<Report> {
    with_server(options, Serve::TcpSink, |peer| {
        let children = (0..options.times(20)).map(|_| short_lived(peer)).collect::<Result<Vec<_>>>()?;
        // The parent sends nothing: its own flow is empty.
        let mut report = Report::of(Flow::client(Transport::None));
        report.children = children;
        Ok(report)
    })
}

fn short_lived(peer: SocketAddr) -> Result<Report> {
    let child = this_program()?
        .arg(ONE_SHOT)
        .arg(peer.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a short process")?;
    let pid = child.id();
    let output = child.wait_with_output().context("cannot wait for a short process")?;
    let line = String::from_utf8(output.stdout).context("a short process printed nonsense")?;
    let flow = read(&line, peer, i32::try_from(pid)?).with_context(|| format!("a short process said {line:?}"))?;
    let mut report = Report::of(flow);
    ONE_SHOT.clone_into(&mut report.way);
    report.pid = pid;
    Ok(report)
}

fn read(line: &str, peer: SocketAddr, tid: i32) -> Option<Flow> {
    let mut words = line.split_whitespace();
    let known = |word: &str| (word != "-").then(|| word.to_owned());
    let mut flow = Flow::client(Transport::Tcp).with_peer(peer);
    flow.tid = tid;
    flow.local = known(words.next()?);
    flow.sent = words.next()?.parse().ok()?;
    flow.sends = u64::from(flow.sent > 0);
    flow.errno = known(words.next()?);
    Some(flow)
}
