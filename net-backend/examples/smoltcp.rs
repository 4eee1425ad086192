//! Fetches a page with a TCP/IP stack of its own, smoltcp, on any backend.
//!
//! ```text
//! cargo run --example smoltcp --features smoltcp                       by slirp:, from a server that this program runs
//! cargo run --example smoltcp --features smoltcp -- tap:tap0 10.1.2.3:80
//! ```
//!
//! An address comes by DHCP. Without a server's address, one is run on the host's loopback, which slirp's guests reach at
//! their router's address.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant as Clock};

use net_backend::smoltcp::Device;
use net_backend::{Interest, Source};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::{dhcpv4, tcp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint, Ipv4Address};

type Outcome<T> = Result<T, Box<dyn Error>>;

const MAC: EthernetAddress = EthernetAddress([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);
const PAGE: &str = "A page of the host, fetched through a network backend.\n";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().unwrap_or_else(|| "slirp:".to_owned());
    let page = fetch(&uri, arguments.next().as_deref());
    match page.map(|page| print!("{page}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {uri}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fetch(uri: &str, server: Option<&str>) -> Outcome<String> {
    let mut guest = Guest::open(uri)?;
    let (address, router) = guest.address()?;
    println!("the address is {address}");
    let server = match server {
        Some(address) => address.parse::<SocketAddr>()?.into(),
        None => {
            let router = router.ok_or("there is no router")?;
            IpEndpoint::new(IpAddress::Ipv4(router), serve()?)
        }
    };
    guest.get(server)
}

/// A NIC, its TCP/IP stack, and the stack's sockets.
struct Guest {
    device: Device,
    interface: Interface,
    sockets: SocketSet<'static>,
}

impl Guest {
    fn open(uri: &str) -> Outcome<Self> {
        let mut device = Device::open(uri)?;
        let config = Config::new(MAC.into());
        let interface = Interface::new(config, &mut device, Instant::now());
        Ok(Self {
            device,
            interface,
            sockets: SocketSet::new(vec![]),
        })
    }

    /// Asks for an address by DHCP, and uses it; and the router's.
    fn address(&mut self) -> Outcome<(IpCidr, Option<Ipv4Address>)> {
        let asking = self.sockets.add(dhcpv4::Socket::new());
        let (address, router) = self.run(|guest| {
            let socket = guest.sockets.get_mut::<dhcpv4::Socket<'_>>(asking);
            Ok(match socket.poll() {
                Some(dhcpv4::Event::Configured(config)) => {
                    Some((IpCidr::Ipv4(config.address), config.router))
                }
                _ => None,
            })
        })?;
        self.sockets.remove(asking);
        self.interface.update_ip_addrs(|all| {
            // There is room for the first one.
            let _full = all.push(address);
        });
        if let Some(router) = router {
            self.interface.routes_mut().add_default_ipv4_route(router)?;
        }
        Ok((address, router))
    }

    /// Gets the page `/` of an HTTP server.
    fn get(&mut self, server: IpEndpoint) -> Outcome<String> {
        let [receive, send] = [(); 2].map(|()| tcp::SocketBuffer::new(vec![0; 64 * 1024]));
        let mut socket = tcp::Socket::new(receive, send);
        socket.connect(self.interface.context(), server, 49152)?;
        let connection = self.sockets.add(socket);
        self.run(|guest| {
            let socket = guest.connection(connection);
            if !socket.is_open() {
                return Err("the server refused".into());
            }
            Ok(socket.can_send().then_some(()))
        })?;
        let request = format!("GET / HTTP/1.0\r\nHost: {server}\r\n\r\n");
        self.connection(connection).send_slice(request.as_bytes())?;
        let mut answer = vec![];
        self.run(|guest| {
            let socket = guest.connection(connection);
            let mut take = |bytes: &mut [u8]| {
                answer.extend_from_slice(bytes);
                (bytes.len(), ())
            };
            while socket.can_recv() {
                socket.recv(&mut take)?;
            }
            Ok((!socket.may_recv()).then_some(()))
        })?;
        self.connection(connection).close();
        self.run(|guest| Ok((!guest.connection(connection).is_open()).then_some(())))?;
        let answer = String::from_utf8(answer)?;
        let (_, page) = answer.split_once("\r\n\r\n").ok_or("that is no HTTP")?;
        Ok(page.to_owned())
    }

    fn connection(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// The loop: the stack has its turn, then `look` at its sockets; if there is nothing to see, wait.
    fn run<T>(&mut self, mut look: impl FnMut(&mut Self) -> Outcome<Option<T>>) -> Outcome<T> {
        let end = Clock::now() + PATIENCE;
        loop {
            let now = Instant::now();
            let polled = self
                .interface
                .poll(now, &mut self.device, &mut self.sockets);
            if let Some(seen) = look(self)? {
                return Ok(seen);
            }
            if polled == PollResult::SocketStateChanged {
                // Frames that were sent go out together, when nothing changes any more.
                continue;
            }
            let left = end.saturating_duration_since(Clock::now());
            if left.is_zero() {
                return Err(format!("nothing came for {PATIENCE:?}").into());
            }
            let wait = self.device.settle()?;
            let delay = self.interface.poll_delay(now, &self.sockets);
            let at_most = wait.at_most(delay).map_or(left, |it| it.min(left));
            let mut sources: Vec<_> = [watch(wait.frame)].into();
            sources.extend(wait.room.map(watch));
            match poll(&mut sources, Some(&Timespec::try_from(at_most)?)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn watch(source: Source<'_>) -> PollFd<'_> {
    let flags = match source.interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
    };
    PollFd::from_borrowed_fd(source.descriptor, flags)
}

/// Serves the page once, on the host's loopback; the port.
fn serve() -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    let answer = |mut stream: TcpStream| -> io::Result<()> {
        let mut request = vec![];
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            request.extend(byte);
        }
        write!(stream, "HTTP/1.0 200 OK\r\n\r\n{PAGE}")
    };
    thread::spawn(move || {
        if let Err(error) = listener.accept().and_then(|(stream, _)| answer(stream)) {
            eprintln!("error: the server: {error}");
        }
    });
    Ok(port)
}
