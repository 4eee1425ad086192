//! The same work over the loopback interface, with nothing between: what the host can do at most.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::event::PollFlags;

use super::client::{Client, note};
use super::exchange::{self, Delivery, Exchange};
use super::link;
use super::message::{Kind, Message};

/// Bytes in one write and one read.
const CHUNK: usize = 256 * 1024;

/// A client of the host that needs no network.
pub(super) struct Loopback {
    echo: Option<TcpStream>,
    chunk: Vec<u8>,
    /// How often datagrams were sent or received.
    runs: u32,
}

impl Loopback {
    /// Not connected to anything.
    pub(super) fn new() -> Self {
        Self {
            echo: None,
            chunk: vec![0x5a; CHUNK],
            runs: 0,
        }
    }

    fn datagrams(&mut self, port: u16, length: usize) -> Result<(Flow, u32)> {
        self.runs += 1;
        let data = Message {
            kind: Kind::Data,
            run: self.runs,
            number: 0,
        };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        socket.set_nonblocking(true)?;
        let flow = Flow {
            socket,
            data: data.encode(length),
            buffer: vec![0; 1 << 16],
        };
        Ok((flow, self.runs))
    }

    fn close(&mut self, mut stream: TcpStream) -> Result<()> {
        stream.shutdown(Shutdown::Write)?;
        ensure!(stream.read(&mut self.chunk)? == 0, "the host goes on");
        Ok(())
    }
}

impl Client for Loopback {
    fn upload(&mut self, port: u16, duration: Duration) -> Result<u64> {
        let mut stream = connect(port)?;
        let (start, mut bytes) = (Instant::now(), 0);
        while start.elapsed() < duration {
            bytes += stream.write(&self.chunk)? as u64;
        }
        self.close(stream)?;
        Ok(bytes)
    }

    fn download(&mut self, port: u16, _: Duration) -> Result<u64> {
        let mut stream = connect(port)?;
        let mut bytes = 0;
        loop {
            match stream.read(&mut self.chunk) {
                Ok(0) => return Ok(bytes),
                Ok(length) => bytes += length as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn open_echo(&mut self, port: u16) -> Result<()> {
        self.echo = Some(connect(port)?);
        Ok(())
    }

    fn round_trips(&mut self, duration: Duration, took: &mut Vec<u32>) -> Result<u64> {
        let mut stream = self.echo.take().context("no connection is open")?;
        let (start, mut count) = (Instant::now(), 0);
        let mut last = start;
        while last.saturating_duration_since(start) < duration {
            round_trip(&mut stream)?;
            let now = Instant::now();
            note(took, now.saturating_duration_since(last));
            last = now;
            count += 1;
        }
        self.close(stream)?;
        Ok(count)
    }

    fn connections(&mut self, port: u16, duration: Duration) -> Result<u64> {
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < duration {
            let mut stream = connect(port)?;
            round_trip(&mut stream)?;
            self.close(stream)?;
            count += 1;
        }
        Ok(count)
    }

    fn send_datagrams(&mut self, port: u16, length: usize, duration: Duration) -> Result<Delivery> {
        let (mut flow, run) = self.datagrams(port, length)?;
        exchange::upload(&mut flow, run, duration)
    }

    fn receive_datagrams(&mut self, port: u16, length: usize) -> Result<Delivery> {
        let (mut flow, run) = self.datagrams(port, length)?;
        exchange::download(&mut flow, run, length)
    }
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn round_trip(stream: &mut TcpStream) -> Result<()> {
    let mut byte = *b"x";
    stream.write_all(&byte)?;
    Ok(stream.read_exact(&mut byte)?)
}

/// Datagrams without a network.
struct Flow {
    socket: UdpSocket,
    data: Vec<u8>,
    buffer: Vec<u8>,
}

impl Exchange for Flow {
    fn send(&mut self) -> Result<bool> {
        is_done(self.socket.send(&self.data))
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn say(&mut self, message: &Message) -> Result<()> {
        // It is said again when there is no answer.
        is_done(self.socket.send(&message.encode(Message::BYTES)))?;
        Ok(())
    }

    fn take(&mut self, heard: &mut dyn FnMut(Message)) -> Result<bool> {
        let received = self.socket.recv(&mut self.buffer);
        let length = *received.as_ref().unwrap_or(&0);
        let payload = self.buffer.get(..length).unwrap_or_default();
        if let Some(message) = Message::decode(payload) {
            heard(message);
        }
        is_done(received)
    }

    fn wait(&mut self, timeout: Duration) -> Result<()> {
        link::wait(&[(self.socket.as_fd(), PollFlags::IN)], timeout)
    }
}

fn is_done(outcome: io::Result<usize>) -> Result<bool> {
    match outcome {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}
