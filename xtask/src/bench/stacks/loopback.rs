//! The same work over the loopback interface, with nothing between: what the host can do at most.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Bytes in one write and one read.
const CHUNK: usize = 256 * 1024;

/// A client of the host that needs no network.
pub(super) struct Loopback {
    echo: Option<TcpStream>,
    chunk: Vec<u8>,
}

impl Loopback {
    /// Not connected to anything.
    pub(super) fn new() -> Self {
        Self {
            echo: None,
            chunk: vec![0x5a; CHUNK],
        }
    }

    /// As that of the guest.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn upload(&mut self, port: u16, duration: Duration) -> Result<u64> {
        let mut stream = connect(port)?;
        let (start, mut bytes) = (Instant::now(), 0);
        while start.elapsed() < duration {
            bytes += stream.write(&self.chunk)? as u64;
        }
        self.close(stream)?;
        Ok(bytes)
    }

    /// As that of the guest.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn download(&mut self, port: u16) -> Result<u64> {
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

    /// As that of the guest.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn open_echo(&mut self, port: u16) -> Result<()> {
        self.echo = Some(connect(port)?);
        Ok(())
    }

    /// As that of the guest.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn round_trips(&mut self, duration: Duration) -> Result<u64> {
        let mut stream = self.echo.take().context("no connection is open")?;
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < duration {
            round_trip(&mut stream)?;
            count += 1;
        }
        self.close(stream)?;
        Ok(count)
    }

    /// As that of the guest.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn connections(&mut self, port: u16, duration: Duration) -> Result<u64> {
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < duration {
            let mut stream = connect(port)?;
            round_trip(&mut stream)?;
            self.close(stream)?;
            count += 1;
        }
        Ok(count)
    }

    fn close(&mut self, mut stream: TcpStream) -> Result<()> {
        stream.shutdown(Shutdown::Write)?;
        ensure!(stream.read(&mut self.chunk)? == 0, "the host goes on");
        Ok(())
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
