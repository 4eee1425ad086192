//! Servers of TCP.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Service;

/// How long a connection may be silent: longer than a guest's patience.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes in one write and one read.
const CHUNK: usize = 256 * 1024;
/// Bytes of one answer of the echo at most.
const ANSWER: usize = 16 * 1024;

/// Serves one connection. Blocks until it is over.
///
/// # Errors
///
/// What the system says; `WouldBlock` if the client is silent for too long.
pub(super) fn serve(stream: &TcpStream, service: Service, duration: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match service {
        Service::Sink => consume(stream),
        Service::Source => produce(stream, duration),
        Service::Echo | Service::Datagrams => echo(stream, None),
        Service::Hold => echo(stream, Some(1)),
    }
}

fn consume(mut stream: &TcpStream) -> io::Result<()> {
    let mut chunk = [0; CHUNK];
    while stream.read(&mut chunk)? > 0 {}
    Ok(())
}

/// So many reads, or until the end.
fn echo(mut stream: &TcpStream, mut reads: Option<u32>) -> io::Result<()> {
    let mut chunk = [0; ANSWER];
    while reads != Some(0) {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        stream.write_all(chunk.get(..length).unwrap_or_default())?;
        reads = reads.map(|left| left - 1);
    }
    Ok(())
}

fn produce(mut stream: &TcpStream, duration: Duration) -> io::Result<()> {
    let chunk = [0x5a; CHUNK];
    let start = Instant::now();
    while start.elapsed() < duration {
        stream.write_all(&chunk)?;
    }
    Ok(())
}
