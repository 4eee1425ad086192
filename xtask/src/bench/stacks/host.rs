//! What the guest talks to: servers on the loopback interface, each in a thread, for one connection at a time.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;

/// How long a connection may be silent: longer than a guest's patience.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes in one write and one read.
const CHUNK: usize = 256 * 1024;
/// Bytes of one answer of the echo at most.
const ANSWER: usize = 16 * 1024;

/// The servers. They end with this, and so do their connections.
pub(super) struct Host {
    servers: Vec<Server>,
}

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Reads until the end.
    Sink,
    /// Sends for a while.
    Source,
    /// Sends back what comes.
    Echo,
    /// Sends back one byte, and keeps any number of connections.
    Hold,
}

struct Server {
    service: Service,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Starts all servers. The source sends for `duration`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn start(duration: Duration) -> Result<Self> {
        let services = [Service::Sink, Service::Source, Service::Echo, Service::Hold];
        let servers = services
            .into_iter()
            .map(|service| Server::start(service, duration));
        Ok(Self {
            servers: servers.collect::<io::Result<_>>()?,
        })
    }

    /// Where a server listens, on the loopback interface.
    pub(super) fn port(&self, service: Service) -> u16 {
        let mut servers = self.servers.iter();
        let server = servers.find(|server| server.service == service);
        server.map_or(0, |server| server.address.port())
    }
}

impl Server {
    fn start(service: Service, duration: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = Builder::new().name(format!("{service:?}")).spawn(move || {
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // Whoever measures notices that it ended early.
                let _outcome = serve(&stream, service, duration);
                if service == Service::Hold {
                    kept.push(stream);
                }
            }
        })?;
        Ok(Self {
            service,
            address,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It waits for a connection, so it gets one.
        let connected = TcpStream::connect(self.address);
        if let (Ok(_), Some(thread)) = (connected, self.thread.take()) {
            let _panicked = thread.join();
        }
    }
}

fn serve(stream: &TcpStream, service: Service, duration: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match service {
        Service::Sink => consume(stream),
        Service::Source => produce(stream, duration),
        Service::Echo => echo(stream, None),
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
