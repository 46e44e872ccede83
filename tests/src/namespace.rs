//! Network namespaces with their own name servers.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::Scratch;
use crate::child::{Process, until};

/// Makes the namespaces, reports it, and keeps them until its standard input ends.
const HOLD: &str = "ip link set lo up && mount --bind \"$0\" /etc/resolv.conf && echo ready && exec cat";
/// `TCP_LISTEN` and `TCP_CLOSE` in the kernel's tables; the latter is a bound UDP socket.
const WAITING: [&str; 2] = ["0A", "07"];

/// A network namespace with loopback only, and a resolver configuration that only its processes see. It ends with the
/// test and its processes.
#[derive(Debug)]
pub struct Namespace {
    keeper: Process,
    _scratch: Scratch,
}

impl Namespace {
    /// Makes a namespace with this `/etc/resolv.conf`.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    #[must_use]
    pub fn resolving(configuration: &str) -> Self {
        let scratch = Scratch::new();
        let path = scratch.path("resolv.conf");
        fs::write(&path, configuration).expect("the directory is ours");
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--", "sh", "-c", HOLD]).arg(&path);
        let mut keeper = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut line = String::new();
        let stdout = keeper.handle().stdout.take().expect("asked for");
        BufReader::new(stdout).read_line(&mut line).expect("a shell writes text");
        assert_eq!(line, "ready\n", "the namespace cannot be made");
        Self { keeper, _scratch: scratch }
    }

    /// A process that lives inside as long as the namespace.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.keeper.pid()
    }

    /// A command to run inside. It keeps its process id.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--mount", "--target", &self.keeper.pid().to_string(), "--", program]);
        command
    }

    /// Runs a function in a thread inside. Its sockets belong to the namespace, whoever uses them.
    ///
    /// # Panics
    ///
    /// If the function panics.
    pub fn within<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let path = format!("/proc/{}/ns/net", self.keeper.pid());
        let inside = || {
            setns(File::open(&path).expect("the namespace lasts"), CloneFlags::CLONE_NEWNET).expect("root may enter");
            body()
        };
        thread::scope(|scope| scope.spawn(inside).join().expect("it does not panic"))
    }

    /// Starts a server, and waits until it has a socket at every one of these addresses.
    #[must_use]
    pub fn serve(&self, command: &mut Command, addresses: &[SocketAddr]) -> Process {
        let server = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        for address in addresses {
            until(&format!("a server at {address}"), || self.has_socket(*address).then_some(()));
        }
        server
    }

    fn has_socket(&self, address: SocketAddr) -> bool {
        let wanted = format!("{}:{:04X}", words(address.ip()), address.port());
        ["tcp", "tcp6", "udp", "udp6"].iter().any(|table| {
            let text = fs::read_to_string(format!("/proc/{}/net/{table}", self.keeper.pid())).unwrap_or_default();
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|line| match line[..] {
                [_, local, _, state, ..] => local == wanted && WAITING.contains(&state),
                _ => false,
            })
        })
    }
}

/// An address in the format of the kernel's tables: words of the machine's byte order, in hexadecimal.
fn words(address: IpAddr) -> String {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    bytes
        .chunks_exact(4)
        .map(|word| format!("{:08X}", u32::from_ne_bytes([word[0], word[1], word[2], word[3]])))
        .collect()
}
