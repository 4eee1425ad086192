//! Work of the host, beside the guest.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::thread::{Builder, JoinHandle};

use crate::harness::{Outcome, failed};
use crate::wire::PATIENCE;

/// Something that the host does in a thread. Its other end hangs up when that is done.
pub(crate) struct Job<T> {
    thread: JoinHandle<Outcome<T>>,
    /// Readable once the work is done.
    pub(crate) done: UnixStream,
}

impl<T: Send + 'static> Job<T> {
    pub(crate) fn start(work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<Self> {
        let (done, working) = UnixStream::pair()?;
        let thread = Builder::new().name("host".to_owned()).spawn(move || {
            let outcome = work();
            drop(working);
            outcome
        })?;
        Ok(Self { thread, done })
    }

    /// What came out of it; waits for the end.
    pub(crate) fn join(self) -> Outcome<T> {
        let outcome = self.thread.join();
        outcome.map_err(|_| failed("the host's side panicked"))?
    }
}

/// A server that serves one connection.
pub(crate) fn serve<T: Send + 'static>(
    address: IpAddr,
    serve: impl FnOnce(TcpStream) -> Outcome<T> + Send + 'static,
) -> Outcome<(SocketAddr, Job<T>)> {
    let listener = TcpListener::bind((address, 0))?;
    let address = listener.local_addr()?;
    let job = Job::start(move || serve(accept(&listener)?))?;
    Ok((address, job))
}

/// The next connection.
pub(crate) fn accept(listener: &TcpListener) -> Outcome<TcpStream> {
    let (stream, _) = rustix_accept(listener)?;
    patient(&stream)?;
    Ok(stream)
}

/// A client of the host.
pub(crate) fn connect(address: SocketAddr) -> Outcome<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    patient(&stream)?;
    Ok(stream)
}

/// A UDP socket that does not wait for ever.
pub(crate) fn udp(address: IpAddr) -> Outcome<UdpSocket> {
    let socket = UdpSocket::bind((address, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Reads until the other side has finished.
pub(crate) fn read_to_end(stream: &mut impl Read) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Gives back whatever comes, until the other side has finished.
pub(crate) fn echo(mut stream: TcpStream) -> Outcome<usize> {
    let mut buffer = [0; 16384];
    let mut count = 0;
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(count);
        }
        stream.write_all(buffer.get(..length).unwrap_or_default())?;
        count += length;
    }
}

/// Bytes that repeat nowhere near, different for each seed.
pub(crate) fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(move || {
        // xorshift64 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

/// Complains about the first difference.
pub(crate) fn same(what: &str, got: &[u8], expected: &[u8]) -> Outcome {
    if got == expected {
        return Ok(());
    }
    let at = got.iter().zip(expected).position(|(a, b)| a != b);
    let (got, expected) = (got.len(), expected.len());
    Err(failed(format!(
        "{what}: {got} bytes instead of {expected}, the first difference at {at:?}"
    )))
}

fn patient(stream: &TcpStream) -> Outcome {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream.set_nodelay(true)?)
}

/// Accepts, but does not wait for ever.
fn rustix_accept(listener: &TcpListener) -> Outcome<(TcpStream, SocketAddr)> {
    let mut waiting = [rustix::event::PollFd::new(
        listener,
        rustix::event::PollFlags::IN,
    )];
    let timeout = PATIENCE.try_into().map_err(std::io::Error::other)?;
    match rustix::event::poll(&mut waiting, Some(&timeout))? {
        0 => Err(failed(format!("nobody connected within {PATIENCE:?}"))),
        _ => Ok(listener.accept()?),
    }
}
