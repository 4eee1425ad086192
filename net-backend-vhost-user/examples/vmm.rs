//! A virtio-net device in a VMM's own process, without vhost-user: a thread that waits with epoll for the guest and for a
//! backend. In place of a guest there is a driver that pings.
//!
//! ```text
//! cargo run -p net-backend-vhost-user --features epoll --example vmm                       slirp:, level-triggered
//! cargo run -p net-backend-vhost-user --features epoll --example vmm -- --edge loopback:
//! ```

mod guest;
mod poller;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use net_backend::{Activation, Event, Features, NetBackend};
use net_backend_vhost_user::queue::{End, Receive, Transmit, Turn};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use guest::{Failure, Slot};
use poller::{Poller, Trigger};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let trigger = match arguments.next_if(|word| word == "--edge") {
        Some(_) => Trigger::Edge,
        None => Trigger::Level,
    };
    let uri = arguments.next().unwrap_or_else(|| "slirp:".to_owned());
    match run(&uri, trigger) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(uri: &str, trigger: Trigger) -> Result<(), Failure> {
    let (guest, slot) = guest::boot()?;
    let device = Device::new(net_backend::open(uri)?, slot, trigger)?;
    let stop = device.stop.try_clone()?;
    let thread = thread::spawn(move || device.serve());
    let pings = guest.ping();
    stop.write(1)?;
    let done = thread.join().map_err(|_| "the device panicked")??;
    println!("{uri}, {trigger:?}: {}; {done:?}", pings?);
    Ok(())
}

/// The device model, of one queue pair.
struct Device {
    // The halves go before the backend.
    receive: Receive,
    transmit: Transmit,
    backend: Box<dyn NetBackend>,
    slot: Slot,
    stop: EventFd,
    poller: Poller,
    work: Work,
    done: Done,
}

/// What is to be done.
#[derive(Default)]
struct Work {
    receive: bool,
    transmit: bool,
    /// When to transmit, for a backend that cannot tell when there is room.
    retry: Option<Instant>,
}

/// What was done.
#[derive(Debug, Default)]
struct Done {
    frames: usize,
    interrupts: usize,
}

/// What an event is about.
const RECEIVE_KICK: u64 = 0;
const TRANSMIT_KICK: u64 = 1;
const FRAME: u64 = 2;
const ROOM: u64 = 3;
const BACKEND: u64 = 4;
const STOP: u64 = 5;

impl Device {
    fn new(
        mut backend: Box<dyn NetBackend>,
        slot: Slot,
        trigger: Trigger,
    ) -> Result<Self, Failure> {
        // The driver is offered backend.features() besides; this one takes no offloads.
        let acknowledged = Features::VERSION_1 | Features::MRG_RXBUF;
        let with = Activation::negotiated(acknowledged, 1);
        let queue = backend.activate(&with)?.pop().ok_or("no queue pair")?;
        let longest = backend.capabilities().max_frame;
        let (stop, mut poller) = (EventFd::new(EFD_NONBLOCK)?, Poller::new(trigger)?);
        poller.watch_event(&slot.receive_kick, RECEIVE_KICK)?;
        poller.watch_event(&slot.transmit_kick, TRANSMIT_KICK)?;
        poller.watch_event(&stop, STOP)?;
        if let Some(source) = backend.events() {
            poller.watch(source, BACKEND, true)?;
        }
        Ok(Self {
            receive: Receive::new(queue.rx, true, longest.buffer_length(with.header)),
            transmit: Transmit::new(queue.tx),
            backend,
            slot,
            stop,
            poller,
            work: Work::default(),
            done: Done::default(),
        })
    }

    /// Moves frames until it is told to stop.
    fn serve(mut self) -> Result<Done, Failure> {
        // A first turn says what each half waits for.
        (self.work.receive, self.work.transmit) = (true, true);
        loop {
            let timeout = match self.work.retry {
                // Turns are bounded: events are looked at between two of them.
                _ if self.work.receive || self.work.transmit => Some(Duration::ZERO),
                retry => retry.map(|at| at.saturating_duration_since(Instant::now())),
            };
            for event in self.poller.wait(timeout)? {
                match event {
                    RECEIVE_KICK => self.work.receive |= self.slot.receive_kick.read().is_ok(),
                    TRANSMIT_KICK => self.work.transmit |= self.slot.transmit_kick.read().is_ok(),
                    FRAME => self.work.receive = true,
                    ROOM => self.work.transmit = true,
                    BACKEND => self.take_events()?,
                    _ => return Ok(self.done),
                }
            }
            if self.work.retry.is_some_and(|at| at <= Instant::now()) {
                self.work.transmit = true;
            }
            if self.work.receive {
                self.receive()?;
            }
            if self.work.transmit {
                self.transmit()?;
            }
        }
    }

    fn receive(&mut self) -> Result<(), Failure> {
        let queue = &mut self.slot.receive;
        let turn = self.receive.turn(queue, &*self.slot.memory)?;
        self.work.receive = turn.end == End::More;
        // Without buffers the frames stay where they are, and keep the source ready: the kick comes first.
        let has_buffers = turn.end != End::NoBuffers;
        let source = self.receive.backend().source();
        self.poller.watch(source, FRAME, has_buffers)?;
        self.interrupt(turn)
    }

    fn transmit(&mut self) -> Result<(), Failure> {
        let queue = &mut self.slot.transmit;
        // It flushes, once for the burst.
        let turn = self.transmit.turn(queue, &*self.slot.memory)?;
        self.work.transmit = turn.end == End::More;
        self.work.retry = match turn.end {
            End::Busy(after) => after.map(|it| Instant::now() + it),
            _ => None,
        };
        // There is room nearly always, so that this is watched only while it is waited for.
        let source = self.transmit.backend().source();
        self.poller
            .watch(source, ROOM, matches!(turn.end, End::Busy(_)))?;
        self.interrupt(turn)
    }

    /// Interrupts the guest, if the driver wants that: it was asked (EVENT_IDX) once for the whole burst.
    fn interrupt(&mut self, turn: Turn) -> Result<(), Failure> {
        self.done.frames += turn.frames;
        if turn.interrupt {
            self.done.interrupts += 1;
            self.slot.interrupt.write(1)?;
        }
        Ok(())
    }

    /// A device with VIRTIO_NET_F_STATUS shows the link in its config space, and interrupts the guest for that.
    fn take_events(&mut self) -> Result<(), Failure> {
        while let Some(event) = self.backend.next_event() {
            println!(
                "the backend: {event:?}; its link is {:?}",
                self.backend.link()
            );
            if event == Event::Gone {
                return Err("the backend is gone".into());
            }
        }
        Ok(())
    }
}
