//! A stack with one connection.

use std::sync::LazyLock;
use std::time::{Duration, Instant as Clock};

use net_backend::smoltcp::Device;
use net_backend::{Interest, NetBackend, Source};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

/// The port of everybody.
const PORT: u16 = 7;
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The host 10.0.2.`number`, as slirp has it, and its connection.
pub(crate) struct Stack {
    pub(crate) device: Device,
    pub(crate) interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
}

/// The time as smoltcp has it.
pub(crate) fn now() -> Instant {
    static START: LazyLock<Clock> = LazyLock::new(Clock::now);
    let passed = START.elapsed().as_micros();
    Instant::from_micros(i64::try_from(passed).unwrap())
}

fn address(number: u8) -> IpAddress {
    IpAddress::v4(10, 0, 2, number)
}

impl Stack {
    pub(crate) fn new(backend: Box<dyn NetBackend>, number: u8) -> Self {
        let mut device = Device::activate(backend).unwrap();
        let mac = EthernetAddress([2, 0, 0, 0, 0, number]);
        let mut interface = Interface::new(Config::new(mac.into()), &mut device, now());
        interface.update_ip_addrs(|all| all.push(IpCidr::new(address(number), 24)).unwrap());
        let [receive, send] = [(); 2].map(|()| SocketBuffer::new(vec![0; 1 << 17]));
        let mut sockets = SocketSet::new(vec![]);
        let socket = sockets.add(Socket::new(receive, send));
        Self {
            device,
            interface,
            sockets,
            socket,
        }
    }

    pub(crate) fn connect(&mut self, number: u8) {
        self.connect_to(number, PORT);
    }

    pub(crate) fn connect_to(&mut self, number: u8, port: u16) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        let context = self.interface.context();
        socket
            .connect(context, (address(number), port), 50_000)
            .unwrap();
    }

    pub(crate) fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    /// Has the stack do what it can.
    pub(crate) fn poll(&mut self) -> bool {
        let mut polled = false;
        let (device, sockets) = (&mut self.device, &mut self.sockets);
        while self.interface.poll(now(), device, sockets) == PollResult::SocketStateChanged {
            polled = true;
        }
        polled
    }

    /// The same, and shows it to the other side.
    pub(crate) fn turn(&mut self) {
        self.poll();
        let _wait = self.device.settle().unwrap();
    }

    /// How long to wait at most, and whether for room too.
    pub(crate) fn wait(&mut self) -> (Option<Duration>, bool) {
        let wait = self.device.settle().unwrap();
        let delay = self.interface.poll_delay(now(), &self.sockets);
        (wait.at_most(delay), wait.room.is_some())
    }

    /// Waits for something to do.
    pub(crate) fn sleep(&mut self) {
        let (at_most, _) = self.wait();
        let wait = self.device.settle().unwrap();
        let sources = [Some(wait.frame), wait.room].into_iter().flatten();
        sleep(sources, at_most);
    }
}

/// Sends a stream from one to the other and back at the same time, and compares it.
pub(crate) fn exchange(stacks: &mut [Stack; 2], length: usize) {
    stacks[0].socket().listen(PORT).unwrap();
    stacks[1].connect(1);
    let mut streams = [Stream::default(), Stream::default()];
    let start = Clock::now();
    while streams.iter().any(|stream| stream.received < length) {
        assert!(start.elapsed() < 3 * PATIENCE, "{streams:?} of {length}");
        let mut moved = false;
        for (stack, stream) in stacks.iter_mut().zip(&mut streams) {
            moved |= stack.poll();
            moved |= stream.turn(stack.socket(), length);
        }
        if !moved {
            let waits = stacks.each_mut().map(Stack::wait);
            let at_most = waits.iter().filter_map(|(at_most, _)| *at_most).min();
            let waits = stacks
                .each_mut()
                .map(|stack| stack.device.settle().unwrap());
            let sources = waits.iter().flat_map(|it| [Some(it.frame), it.room]);
            sleep(sources.flatten(), at_most);
        }
    }
}

/// Waits for one of these; that nothing comes is a failure.
fn sleep<'a>(sources: impl Iterator<Item = Source<'a>>, at_most: Option<Duration>) {
    let mut sources: Vec<PollFd<'_>> = sources
        .map(|source| {
            let flags = match source.interest {
                Interest::Readable => PollFlags::IN,
                Interest::Writable => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(source.descriptor, flags)
        })
        .collect();
    let timeout = Timespec::try_from(at_most.unwrap_or(PATIENCE).min(PATIENCE)).unwrap();
    let count = poll(&mut sources, Some(&timeout)).unwrap();
    assert!(count > 0 || at_most.is_some(), "nothing happens any more");
}

/// How far a connection is.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    sent: usize,
    pub(crate) received: usize,
}

impl Stream {
    /// Sends and receives what it can, and compares; whether it could.
    pub(crate) fn turn(&mut self, socket: &mut Socket<'_>, length: usize) -> bool {
        let before = (self.sent, self.received);
        if socket.can_send() {
            let piece = self.sent..length.min(self.sent + 10_000);
            let piece: Vec<u8> = piece.map(pattern).collect();
            self.sent += socket.send_slice(&piece).unwrap();
        }
        while socket.can_recv() {
            let from = self.received;
            let compare = |bytes: &mut [u8]| {
                assert!(
                    bytes
                        .iter()
                        .copied()
                        .eq((from..).map(pattern).take(bytes.len()))
                );
                (bytes.len(), bytes.len())
            };
            self.received += socket.recv(compare).unwrap();
        }
        before != (self.sent, self.received)
    }
}

/// A byte that differs from those around it.
pub(crate) fn pattern(at: usize) -> u8 {
    let [low, middle, high, ..] = at.to_le_bytes();
    low ^ middle.wrapping_mul(31) ^ high.wrapping_mul(7)
}
