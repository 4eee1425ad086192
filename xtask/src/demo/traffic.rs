//! What goes over the cable: echo requests, and TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use net_backend_tap::testing::{IcmpSocket, NetworkNamespace};

use super::lab::{Lab, Side};

/// How long anything may take to get through.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes in one write and one read.
const CHUNK: usize = 256 * 1024;

/// Times of echo requests, there and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ping {
    pub(super) best: Duration,
    pub(super) average: Duration,
}

/// Sends echo requests from left to right, one after the other.
pub(super) fn ping(lab: &Lab) -> Result<Ping> {
    echo(lab.network(Side::Left), Side::Right.address())
}

/// Sends echo requests from a network, one after the other.
pub(super) fn echo(from: &NetworkNamespace, to: Ipv4Addr) -> Result<Ping> {
    const COUNT: u32 = 100;
    let mut socket = from.run(IcmpSocket::new)?;
    let mut once = || {
        let answered = socket.ping(to, 56, PATIENCE)?;
        answered.context("no answer to an echo request")
    };
    // The first one waits for ARP.
    once()?;
    let (mut best, mut total) = (Duration::MAX, Duration::ZERO);
    for _ in 0..COUNT {
        let time = once()?;
        best = best.min(time);
        total += time;
    }
    Ok(Ping {
        best,
        average: total / COUNT,
    })
}

/// What arrived over a TCP connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transferred {
    /// Bytes of payload.
    pub(crate) bytes: u64,
    /// From the first byte to the last.
    pub(crate) time: Duration,
}

impl Transferred {
    /// Bits per second.
    pub(super) fn rate(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "it is a rate, and is printed with three digits"
        )]
        let bits = self.bytes as f64 * 8.0;
        bits / self.time.as_secs_f64()
    }
}

/// Sends over one TCP connection from `from` to the other side for that long.
///
/// # Errors
///
/// If the two sides cannot reach one another, or nothing passes any more.
pub(crate) fn transfer(lab: &Lab, from: Side, duration: Duration) -> Result<Transferred> {
    let address = from.other().address();
    let listener = lab
        .network(from.other())
        .run(move || TcpListener::bind((address, 0)))?;
    let target = SocketAddr::from((address, listener.local_addr()?.port()));
    let sender = connect(lab.network(from), target)?;
    let (receiver, _) = listener.accept()?;
    flow(&sender, receiver, duration)
}

/// Opens a TCP connection from a network.
pub(super) fn connect(from: &NetworkNamespace, to: SocketAddr) -> Result<TcpStream> {
    let stream = from.run(move || TcpStream::connect_timeout(&to, PATIENCE));
    stream.with_context(|| format!("no TCP connection to {to}"))
}

/// Sends from one end of a TCP connection to the other for that long.
pub(super) fn flow(
    sender: &TcpStream,
    receiver: TcpStream,
    duration: Duration,
) -> Result<Transferred> {
    let receiver = thread::spawn(move || receive(receiver));
    send(sender, duration)?;
    match receiver.join() {
        Ok(transferred) => transferred,
        Err(_) => bail!("the receiver of TCP panicked"),
    }
}

fn send(mut stream: &TcpStream, duration: Duration) -> Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let chunk = vec![0x5a; CHUNK];
    let start = Instant::now();
    while start.elapsed() < duration {
        let written = stream.write(&chunk);
        ensure!(written.context("TCP is stuck")? > 0, "TCP takes no more");
    }
    Ok(stream.shutdown(Shutdown::Write)?)
}

fn receive(mut stream: TcpStream) -> Result<Transferred> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut chunk = vec![0; CHUNK];
    let start = Instant::now();
    let mut bytes = 0;
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => bytes += length as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("no more TCP arrives"),
        }
    }
    Ok(Transferred {
        bytes,
        time: start.elapsed(),
    })
}
