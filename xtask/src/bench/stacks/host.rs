//! What the guest talks to: servers in the network of the thread that starts them, each in a thread of its own.

mod datagrams;
mod streams;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use rustix::net::{Shutdown, shutdown};

pub(super) use datagrams::AHEAD;

/// The servers, one connection at a time each. They end with this, and so do their connections.
pub(in crate::bench) struct Host {
    servers: Vec<Server>,
}

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Service {
    /// Reads until the end.
    Sink,
    /// Sends for a while.
    Source,
    /// Sends back what comes.
    Echo,
    /// Sends back one byte, and keeps any number of connections.
    Hold,
    /// Counts datagrams, and sends them.
    Datagrams,
}

impl Host {
    /// Starts all servers, on all addresses of this thread's network. Those that send do it for `duration`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(in crate::bench) fn start(duration: Duration) -> Result<Self> {
        let streams = [Service::Sink, Service::Source, Service::Echo, Service::Hold];
        let mut servers = Vec::new();
        for service in streams {
            servers.push(Server::of_streams(service, duration)?);
        }
        servers.push(Server::of_datagrams(duration)?);
        Ok(Self { servers })
    }

    /// Where a server listens.
    pub(in crate::bench) fn port(&self, service: Service) -> u16 {
        let mut servers = self.servers.iter();
        let server = servers.find(|server| server.service == service);
        server.map_or(0, |server| server.address.port())
    }
}

struct Server {
    service: Service,
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What a server's thread is ended with.
struct Shared {
    stop: AtomicBool,
    socket: Socket,
    /// The connection that is being served.
    stream: Mutex<Option<Arc<TcpStream>>>,
}

enum Socket {
    Listener(TcpListener),
    Datagrams(UdpSocket),
}

impl Server {
    fn of_streams(service: Service, duration: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let address = listener.local_addr()?;
        let socket = Socket::Listener(listener);
        Self::start(service, address, socket, move |shared| {
            let mut kept = Vec::new();
            while let Some(stream) = shared.accept() {
                // Whoever measures notices that it ended early.
                let _outcome = streams::serve(&stream, service, duration);
                shared.forget();
                if service == Service::Hold {
                    kept.push(stream);
                }
            }
        })
    }

    fn of_datagrams(duration: Duration) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let address = socket.local_addr()?;
        let socket = Socket::Datagrams(socket);
        Self::start(Service::Datagrams, address, socket, move |shared| {
            if let Socket::Datagrams(socket) = &shared.socket {
                datagrams::serve(socket, duration, &shared.stop);
            }
        })
    }

    fn start(
        service: Service,
        address: SocketAddr,
        socket: Socket,
        work: impl FnOnce(&Shared) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            socket,
            stream: Mutex::new(None),
        });
        let theirs = Arc::clone(&shared);
        let thread = Builder::new().name(format!("{service:?}"));
        let thread = thread.spawn(move || work(&theirs))?;
        Ok(Self {
            service,
            address,
            shared,
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Shared {
    /// The next connection; `None` when it is over.
    fn accept(&self) -> Option<Arc<TcpStream>> {
        let Socket::Listener(listener) = &self.socket else {
            return None;
        };
        let (stream, _) = listener.accept().ok()?;
        let stream = Arc::new(stream);
        *self.current() = Some(Arc::clone(&stream));
        // Looked at afterwards, as whoever ends this looks at the stream after it has said so.
        (!self.stop.load(Ordering::SeqCst)).then_some(stream)
    }

    /// Forgets the connection, which ends with its last user.
    fn forget(&self) {
        *self.current() = None;
    }

    /// Has the thread notice that it is over, whatever it waits for.
    fn end(&self) {
        self.stop.store(true, Ordering::SeqCst);
        let socket = match &self.socket {
            Socket::Listener(listener) => listener.as_fd(),
            Socket::Datagrams(socket) => socket.as_fd(),
        };
        // One that is not connected wakes up, and is an error all the same.
        let _not_connected = shutdown(socket, Shutdown::Both);
        if let Some(stream) = &*self.current() {
            let _ended = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<TcpStream>>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Instant;

    use super::*;

    #[test]
    fn servers_serve_and_end_though_somebody_is_connected() {
        let host = Host::start(Duration::from_millis(1)).unwrap();
        let connect = |service| TcpStream::connect((Ipv4Addr::LOCALHOST, host.port(service)));
        let mut echo = connect(Service::Echo).unwrap();
        echo.write_all(b"abc").unwrap();
        let mut back = [0; 3];
        echo.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"abc");
        let mut source = connect(Service::Source).unwrap();
        assert!(source.read_to_end(&mut Vec::new()).unwrap() > 0);
        let start = Instant::now();
        drop(host);
        // Not when a server has lost patience.
        assert!(start.elapsed() < streams::PATIENCE / 2);
        assert!(!matches!(echo.read(&mut back), Ok(1..)));
    }
}
