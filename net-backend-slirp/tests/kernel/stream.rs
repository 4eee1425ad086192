//! Streams of bytes that tell when one is missing or wrong, and both ends of a connection that carries them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::guest::PATIENCE;
use crate::harness::Outcome;

/// Bytes after which the stream repeats: a prime, so that nothing that is cut at powers of two or at segments looks
/// the same in another place.
const PERIOD: usize = 1_000_003;
/// Bytes in one write and one read.
const CHUNK: usize = 128 * 1024;

/// One period of the stream.
pub(crate) struct Pattern(Vec<u8>);

impl Pattern {
    pub(crate) fn new() -> Self {
        let mut state = 0x9e37_79b9_u32;
        let byte = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [high, ..] = state.to_be_bytes();
            high
        };
        Self((0..PERIOD).map(byte).collect())
    }

    /// As much as possible of the stream from `position` on, at most `most` bytes.
    fn from(&self, position: usize, most: usize) -> &[u8] {
        let rest = self.0.get(position % PERIOD..).unwrap_or_default();
        rest.get(..most).unwrap_or(rest)
    }

    /// Writes `length` bytes of the stream.
    pub(crate) fn write(&self, mut to: impl Write, length: usize) -> Outcome {
        let mut position = 0;
        while position < length {
            let piece = self.from(position, CHUNK.min(length - position));
            to.write_all(piece)
                .map_err(|error| format!("after {position} bytes sent: {error}"))?;
            position += piece.len();
        }
        Ok(to.flush()?)
    }

    /// Reads `length` bytes and compares all of them.
    pub(crate) fn read(&self, mut from: impl Read, length: usize) -> Outcome {
        let mut chunk = vec![0; CHUNK];
        let mut position = 0;
        while position < length {
            let wanted = CHUNK.min(length - position);
            let count = match from.read(chunk.get_mut(..wanted).unwrap_or_default()) {
                Ok(0) => return Err(format!("the end after {position} of {length} bytes").into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("after {position} bytes: {error}").into()),
            };
            self.compare(chunk.get(..count).unwrap_or_default(), position)?;
            position += count;
        }
        Ok(())
    }

    fn compare(&self, mut received: &[u8], mut position: usize) -> Outcome {
        while !received.is_empty() {
            let expected = self.from(position, received.len());
            let (these, others) = received.split_at(expected.len());
            if these != expected {
                let differs = these.iter().zip(expected).position(|(a, b)| a != b);
                let at = position + differs.unwrap_or(0);
                return Err(format!("byte {at} is not what was sent").into());
            }
            position += these.len();
            received = others;
        }
        Ok(())
    }
}

/// Which end of a connection sends the stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
    Both,
}

/// Passes `length` bytes over one connection: `connect` opens it, the listener takes it. Both ends close, and see the
/// other's end.
pub(crate) fn exchange(
    listener: TcpListener,
    connect: impl FnOnce() -> Outcome<TcpStream>,
    sender: Sender,
    length: usize,
) -> Outcome {
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        end(
            &stream,
            sender != Sender::Client,
            sender != Sender::Server,
            length,
        )
        .map_err(|failed| format!("server: {failed:?}").into())
    });
    let stream = connect()?;
    let client = end(
        &stream,
        sender != Sender::Server,
        sender != Sender::Client,
        length,
    )
    .map_err(|failed| format!("client: {failed:?}"));
    // Whatever the server waits for, it waits no longer.
    drop(stream);
    let server: Outcome = server.join().map_err(|_| "the server panicked")?;
    server?;
    Ok(client?)
}

/// One end: sends, receives, and closes.
fn end(stream: &TcpStream, sends: bool, receives: bool, length: usize) -> Outcome {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let pattern = Pattern::new();
    thread::scope(|scope| {
        let sending = scope.spawn(|| -> Outcome {
            if sends {
                pattern.write(stream, length)?;
            }
            Ok(stream.shutdown(Shutdown::Write)?)
        });
        if receives {
            pattern.read(stream, length)?;
        }
        let sent: Outcome = sending.join().map_err(|_| "the sender panicked")?;
        sent?;
        let mut more = [0];
        let mut stream = stream;
        match stream.read(&mut more)? {
            0 => Ok(()),
            _ => Err("bytes after the end".into()),
        }
    })
}
