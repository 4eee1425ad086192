//! What a guest does with its kernel's TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long anything may take to get through.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes in one write and one read.
const CHUNK: usize = 256 * 1024;

/// Opens a connection, in the network of this thread.
///
/// # Errors
///
/// If nobody answers; so all of these, if nothing passes any more.
pub(super) fn connect(host: Ipv4Addr, port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&(host, port).into(), PATIENCE);
    let stream = stream.with_context(|| format!("no TCP connection to {host}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends for `duration`, and waits until the host has read everything: bytes sent.
pub(super) fn upload(mut stream: TcpStream, duration: Duration) -> Result<u64> {
    let chunk = vec![0x5a; CHUNK];
    let (start, mut bytes) = (Instant::now(), 0);
    while start.elapsed() < duration {
        bytes += stream.write(&chunk).context("TCP is stuck")? as u64;
    }
    close(stream)?;
    Ok(bytes)
}

/// Receives until the end: bytes that came.
pub(super) fn download(mut stream: TcpStream) -> Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(length) => bytes += length as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("no more TCP arrives"),
        }
    }
}

/// Sends a byte and waits for the answer, for `duration`: nanoseconds that each took.
pub(super) fn round_trips(
    mut stream: &TcpStream,
    duration: Duration,
    times: &mut Vec<u32>,
) -> Result<()> {
    let (start, mut before) = (Instant::now(), Duration::ZERO);
    while before < duration {
        round_trip(&mut stream)?;
        let now = start.elapsed();
        times.push(u32::try_from((now - before).as_nanos()).unwrap_or(u32::MAX));
        before = now;
    }
    Ok(())
}

/// Opens a connection, makes one round trip and closes it, again and again for `duration`: how many there were.
pub(super) fn connections(host: Ipv4Addr, port: u16, duration: Duration) -> Result<u64> {
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < duration {
        let stream = connect(host, port)?;
        round_trip(&mut &stream)?;
        close(stream)?;
        count += 1;
    }
    Ok(count)
}

/// Sends a byte and waits for the answer.
pub(super) fn round_trip(stream: &mut &TcpStream) -> Result<()> {
    let mut byte = *b"x";
    stream.write_all(&byte)?;
    stream.read_exact(&mut byte).context("no answer over TCP")
}

/// Ends it, and waits until the host does.
pub(super) fn close(mut stream: TcpStream) -> Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let more = stream
        .read(&mut [0])
        .context("the host does not end the connection")?;
    ensure!(more == 0, "the host goes on");
    Ok(())
}
