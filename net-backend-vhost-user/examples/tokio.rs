//! A virtio-net device in a VMM that runs on tokio: a task for each half of the queue pair, which waits with `AsyncFd`. In
//! place of a guest there is a driver that pings.
//!
//! ```text
//! cargo run -p net-backend-vhost-user --features epoll --example tokio                     slirp:
//! cargo run -p net-backend-vhost-user --features epoll --example tokio -- loopback:
//! ```

mod guest;
#[path = "sys/watch.rs"]
mod watch;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use net_backend::{Activation, Event, Features, NetBackend};
use net_backend_vhost_user::queue::{End, Receive, Transmit};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::sleep;
use virtio_queue::Queue;
use vmm_sys_util::eventfd::EventFd;

use guest::{Failure, Memory, Slot};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let uri = std::env::args().nth(1);
    match run(uri.as_deref().unwrap_or("slirp:")).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(uri: &str) -> Result<(), Failure> {
    let (guest, slot) = guest::boot()?;
    let backend = net_backend::open(uri)?;
    tokio::select! {
        pings = spawn_blocking(move || guest.ping()) => println!("{uri}: {}", pings??),
        ended = serve(backend, slot) => match ended? {},
    }
    Ok(())
}

/// Moves frames until the backend is gone.
async fn serve(mut backend: Box<dyn NetBackend>, slot: Slot) -> Result<Infallible, Failure> {
    // The driver is offered backend.features() besides; this one takes no offloads.
    let acknowledged = Features::VERSION_1 | Features::MRG_RXBUF;
    let with = Activation::negotiated(acknowledged, 1);
    let queue = backend.activate(&with)?.pop().ok_or("no queue pair")?;
    let longest = backend.capabilities().max_frame;
    let longest = longest.buffer_length(with.header);
    let guest = Lines {
        memory: &slot.memory,
        interrupt: &slot.interrupt,
    };
    let receive = Receive::new(queue.rx, true, longest);
    let transmit = Transmit::new(queue.tx);
    let receive_kick = watch::event(slot.receive_kick)?;
    let transmit_kick = watch::event(slot.transmit_kick)?;
    tokio::select! {
        ended = receive_frames(receive, slot.receive, receive_kick, guest) => ended,
        ended = transmit_frames(transmit, slot.transmit, transmit_kick, guest) => ended,
        ended = take_events(&mut *backend) => ended,
    }
}

/// What leads to the guest.
#[derive(Clone, Copy)]
struct Lines<'a> {
    memory: &'a Memory,
    interrupt: &'a EventFd,
}

async fn receive_frames(
    mut half: Receive,
    mut queue: Queue,
    kick: AsyncFd<EventFd>,
    guest: Lines<'_>,
) -> Result<Infallible, Failure> {
    let frame = watch::source(half.backend().source())?;
    loop {
        let turn = half.turn(&mut queue, guest.memory)?;
        if turn.interrupt {
            guest.interrupt.write(1)?;
        }
        match turn.end {
            // A burst is over: others have their turn.
            End::More => yield_now().await,
            // Frames stay where they are until there are buffers.
            End::NoBuffers => kicked(&kick).await?,
            _ => ready(&frame).await?,
        }
    }
}

async fn transmit_frames(
    mut half: Transmit,
    mut queue: Queue,
    kick: AsyncFd<EventFd>,
    guest: Lines<'_>,
) -> Result<Infallible, Failure> {
    let room = watch::source(half.backend().source())?;
    loop {
        // It flushes, once for the burst.
        let turn = half.turn(&mut queue, guest.memory)?;
        if turn.interrupt {
            guest.interrupt.write(1)?;
        }
        match turn.end {
            End::More => yield_now().await,
            End::Busy(None) => ready(&room).await?,
            // For a backend that cannot tell when there is room.
            End::Busy(Some(after)) => tokio::select! {
                outcome = ready(&room) => outcome?,
                () = sleep(after) => {}
            },
            _ => kicked(&kick).await?,
        }
    }
}

/// A device with VIRTIO_NET_F_STATUS shows the link in its config space, and interrupts the guest for that.
async fn take_events(backend: &mut dyn NetBackend) -> Result<Infallible, Failure> {
    let Some(source) = backend.events() else {
        return pending().await;
    };
    let events = watch::source(source)?;
    loop {
        while let Some(event) = backend.next_event() {
            println!("the backend: {event:?}; its link is {:?}", backend.link());
            if event == Event::Gone {
                return Err("the backend is gone".into());
            }
        }
        ready(&events).await?;
    }
}

/// Waits. That it was ready is forgotten before the backend is asked, which takes all there is: nothing that comes meanwhile is missed.
async fn ready(source: &AsyncFd<OwnedFd>) -> io::Result<()> {
    let either = Interest::READABLE | Interest::WRITABLE;
    source.ready(either).await?.clear_ready();
    Ok(())
}

/// Waits for the driver.
async fn kicked(kick: &AsyncFd<EventFd>) -> io::Result<()> {
    kick.readable().await?.clear_ready();
    // A kick that came twice was taken the first time.
    let _none = kick.get_ref().read();
    Ok(())
}
