//! ICMP and other protocols without ports.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Protocol, Socket, Type};

use crate::options::Options;
use crate::report::{Flow, Report, Transport, errno_name};
use crate::sockets;

/// Reserved for experiments (RFC 3692): no program of the host reads it.
const EXPERIMENT: i32 = 253;
/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way `icmp-raw`: echo requests through a raw socket, which sees the request loop back as well.
pub(crate) fn icmp_raw(options: &Options) -> Result<Report> {
    let protocol = if options.ipv6 { Protocol::ICMPV6 } else { Protocol::ICMPV4 };
    run(options, Type::RAW, protocol, Transport::Icmp)
}

/// The way `icmp-dgram`: echo requests through a ping socket, which the kernel numbers.
pub(crate) fn icmp_datagram(options: &Options) -> Result<Report> {
    let protocol = if options.ipv6 { Protocol::ICMPV6 } else { Protocol::ICMPV4 };
    run(options, Type::DGRAM, protocol, Transport::Icmp)
}

/// The way `raw-proto`: an unused protocol; the socket receives its own packets.
pub(crate) fn protocol(options: &Options) -> Result<Report> {
    run(options, Type::RAW, Protocol::from(EXPERIMENT), Transport::Raw)
}

fn run(options: &Options, kind: Type, protocol: Protocol, transport: Transport) -> Result<Report> {
    ensure!(!options.mapped, "--mapped: protocols without ports have no mapped addresses");
    let peer = options.peer.unwrap_or_else(|| options.loopback(0));
    let mut flow = Flow::client(transport);
    flow.peer = Some(peer.ip().to_canonical().to_string());
    let socket = match Socket::new(Domain::for_address(peer), kind, Some(protocol)) {
        Ok(socket) => sockets::patient(socket)?,
        Err(error) => {
            let refused = format!("socket: {}", errno_name(&error));
            flow.note::<()>(Err(error));
            return Ok(Report::of(flow).detail("refused", refused));
        }
    };
    if !options.connected || flow.note(socket.connect(&peer.into())).is_some() {
        exchange(&socket, options, peer, protocol, &mut flow)?;
    }
    flow.local = sockets::local_address(&socket).map(|local| local.ip().to_canonical().to_string());
    flow.finish(&socket);
    Ok(Report::of(flow))
}

/// Sends `--bytes` in packets, and waits for the answer to each (its own packet, if nobody answers).
fn exchange(socket: &Socket, options: &Options, peer: SocketAddr, protocol: Protocol, flow: &mut Flow) -> Result<()> {
    let size = options.datagram_size()?;
    let mut left = options.bytes;
    let mut sequence = 0_u16;
    while left > 0 {
        sequence = sequence.wrapping_add(1);
        let length = usize::try_from(left).unwrap_or(size).min(size);
        let packet = packet(protocol, sequence, length).context("cannot make a packet")?;
        let Some(sent) = flow.note_send(send(socket, options, peer, &packet)) else { return Ok(()) };
        if !options.one_way && !await_answer(socket, peer, protocol, sequence, flow) {
            return Ok(());
        }
        left = left.saturating_sub(sent as u64);
    }
    Ok(())
}

fn send(socket: &Socket, options: &Options, peer: SocketAddr, packet: &[u8]) -> io::Result<usize> {
    if options.connected { socket.send(packet) } else { socket.send_to(packet, &peer.into()) }
}

/// Counts all packets up to the answer. A raw socket also gets the packets of other programs.
fn await_answer(mut socket: &Socket, peer: SocketAddr, protocol: Protocol, sequence: u16, flow: &mut Flow) -> bool {
    let mut buffer = vec![0; 65_536];
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let Some(length) = flow.note_receive(socket.read(&mut buffer)) else { return false };
        if is_answer(without_header(&buffer[..length], peer), protocol, sequence) {
            return true;
        }
    }
    false
}

/// A raw IPv4 socket delivers the IP header as well; a ping socket and IPv6 do not.
fn without_header(packet: &[u8], peer: SocketAddr) -> &[u8] {
    match packet {
        [first, ..] if peer.is_ipv4() && first >> 4 == 4 => packet.get(usize::from(first & 15) * 4..).unwrap_or(&[]),
        _ => packet,
    }
}

/// The echo reply with this number, or any packet of a protocol that has no replies.
fn is_answer(message: &[u8], protocol: Protocol, sequence: u16) -> bool {
    let reply = match protocol {
        Protocol::ICMPV4 => 0,
        Protocol::ICMPV6 => 129,
        _ => return true,
    };
    matches!(message, [kind, _, _, _, _, _, high, low, ..]
        if *kind == reply && u16::from_be_bytes([*high, *low]) == sequence)
}

/// An echo request (RFC 792, RFC 4443) of this length in all, or plain bytes for other protocols.
fn packet(protocol: Protocol, sequence: u16, length: usize) -> Option<Vec<u8>> {
    let mut packet = vec![0x5a; length.max(8)];
    let request = match protocol {
        Protocol::ICMPV4 => 8,
        Protocol::ICMPV6 => 128,
        _ => return Some(packet),
    };
    let [high, low] = sequence.to_be_bytes();
    let [id_high, id_low] = u16::try_from(std::process::id() & 0xffff).ok()?.to_be_bytes();
    packet.get_mut(..8)?.copy_from_slice(&[request, 0, 0, 0, id_high, id_low, high, low]);
    // ICMPv6's checksum covers addresses that only the kernel knows, so the kernel fills it in.
    if protocol == Protocol::ICMPV4 {
        let sum = checksum(&packet).to_be_bytes();
        packet.get_mut(2..4)?.copy_from_slice(&sum);
    }
    Some(packet)
}

/// The internet checksum (RFC 1071).
fn checksum(data: &[u8]) -> u16 {
    let words = data.chunks(2).map(|pair| match pair {
        [high, low] => u64::from(u16::from_be_bytes([*high, *low])),
        [high] => u64::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}
