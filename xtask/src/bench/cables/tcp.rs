//! TCP from left to right.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::cases::Traffic;
use super::network::Ends;

/// How long anything may take to get through.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes in one write and one read.
const CHUNK: usize = 256 * 1024;
/// Round trips whose times there is room for in one run.
const MOST: usize = 100_000;

/// Where connections from the left end are taken, at the right end.
struct Listener {
    socket: TcpListener,
    target: SocketAddr,
}

impl Listener {
    fn new(ends: &Ends) -> Result<Self> {
        let [_, (network, _, address)] = ends.both();
        let socket = network.run(move || TcpListener::bind((address, 0)))?;
        let target = SocketAddr::from((address, socket.local_addr()?.port()));
        Ok(Self { socket, target })
    }

    /// Both ends of a connection. To be called in the left network.
    fn connect(&self) -> Result<[TcpStream; 2]> {
        let target = self.target;
        let left = TcpStream::connect_timeout(&target, PATIENCE);
        let left = left.with_context(|| format!("no TCP connection to {target}"))?;
        let (right, _) = self.socket.accept()?;
        for stream in [&left, &right] {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
        }
        Ok([left, right])
    }
}

fn connect(ends: &Ends) -> Result<[TcpStream; 2]> {
    let listener = Listener::new(ends)?;
    ends.left.run(move || listener.connect())
}

/// As many bytes as possible, on a connection of their own each time.
#[derive(Default)]
pub(super) struct Flow {
    ends: Option<[TcpStream; 2]>,
}

impl Traffic for Flow {
    fn prepare(&mut self, ends: &Ends) -> Result<()> {
        self.ends = Some(connect(ends)?);
        Ok(())
    }

    fn run(&mut self, _: &Ends, duration: Duration) -> Result<u64> {
        let [left, right] = self.ends.take().context("there is no connection")?;
        let receiver = Builder::new().name("receiver".to_owned());
        let receiver = receiver.spawn(move || receive(right))?;
        send(&left, duration)?;
        let received = receiver.join();
        received.map_err(|_| anyhow!("the receiver of TCP panicked"))?
    }
}

fn send(mut stream: &TcpStream, duration: Duration) -> Result<()> {
    let chunk = vec![0x5a; CHUNK];
    let start = Instant::now();
    while start.elapsed() < duration {
        let written = stream.write(&chunk).context("TCP is stuck")?;
        ensure!(written > 0, "TCP takes no more");
    }
    Ok(stream.shutdown(Shutdown::Write)?)
}

fn receive(mut stream: TcpStream) -> Result<u64> {
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

/// One byte there and back, again and again. Both ends are in one thread, so that only the cable's wakes.
#[derive(Default)]
pub(super) struct RoundTrips {
    ends: Option<[TcpStream; 2]>,
    /// Nanoseconds.
    times: Vec<u32>,
}

impl Traffic for RoundTrips {
    fn prepare(&mut self, ends: &Ends) -> Result<()> {
        self.times.clear();
        self.times.reserve(MOST);
        if self.ends.is_none() {
            self.ends = Some(connect(ends)?);
        }
        Ok(())
    }

    fn run(&mut self, _: &Ends, duration: Duration) -> Result<u64> {
        let ends = self.ends.as_ref().context("there is no connection")?;
        let start = Instant::now();
        let mut before = start;
        while before - start < duration && self.times.len() < MOST {
            there_and_back(ends)?;
            let after = Instant::now();
            let time = (after - before).as_nanos();
            self.times.push(u32::try_from(time).unwrap_or(u32::MAX));
            before = after;
        }
        Ok(self.times.len() as u64)
    }

    fn latencies(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.times)
    }
}

fn there_and_back([left, right]: &[TcpStream; 2]) -> Result<()> {
    for (mut from, mut to) in [(left, right), (right, left)] {
        from.write_all(&[1])?;
        to.read_exact(&mut [0]).context("a byte did not arrive")?;
    }
    Ok(())
}

/// Connections with a byte there and back, one after the other.
#[derive(Default)]
pub(super) struct Connections {
    listener: Option<Arc<Listener>>,
}

impl Traffic for Connections {
    fn prepare(&mut self, ends: &Ends) -> Result<()> {
        if self.listener.is_none() {
            self.listener = Some(Arc::new(Listener::new(ends)?));
        }
        Ok(())
    }

    fn run(&mut self, ends: &Ends, duration: Duration) -> Result<u64> {
        let listener = self.listener.clone().context("nobody listens")?;
        // In the thread of the left network, so that it need not be asked for each.
        ends.left.run(move || {
            let start = Instant::now();
            let mut count = 0;
            while start.elapsed() < duration {
                there_and_back(&listener.connect()?)?;
                count += 1;
            }
            Ok(count)
        })
    }
}
