//! What passes, and what somebody else does to the interface meanwhile.

use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use net_backend_core::testing::ready;
use net_backend_core::{
    Activation, DropReason, Event, Features, HeaderLength, Nic, RxSlice, Sent, TxSlice,
};
use net_backend_tap::testing::PacketSocket;

use super::{Made, expect};
use crate::support::{Case, Outcome, PATIENCE, ensure, exchange, frame, open, wait_for};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::with_taps("running/headers", headers),
        Case::with_taps("running/peeked-lengths", peeked_lengths),
        Case::with_taps("running/down-and-up", down_and_up),
        Case::with_taps("running/listed-descriptors", listed_descriptors),
        Case::with_taps("running/destroyed-while-open", destroyed_while_open),
    ]
}

/// Frames pass with headers of each length, which the tap has for as long as its user is active with it.
fn headers() -> Outcome {
    let made = Made::new("tap");
    let mut tap = open(&format!("tap:{}", made.name()))?;
    made.0.disable_ipv6()?;
    let socket = PacketSocket::plain(&made.0)?;
    for (header, features) in [
        (HeaderLength::Twelve, tap.features()),
        (HeaderLength::Ten, Features::empty()),
        (HeaderLength::None, Features::empty()),
        (HeaderLength::Twelve, Features::empty()),
    ] {
        let pairs = tap.activate(&Activation {
            queue_pairs: 1,
            header,
            features,
        })?;
        let mut pair = pairs.into_iter().next().ok_or("no pair")?;
        let mut bytes = vec![0; header.bytes()];
        bytes.extend(frame());
        let sent = pair.tx.send(&[TxSlice::new(&bytes)])?;
        ensure(sent == Sent::Queued, &format!("{sent:?}"))?;
        let mut buffer = vec![0; 2000];
        let seen = socket.receive(&mut buffer, PATIENCE)?;
        let right = seen.and_then(|length| buffer.get(..length)) == Some(&frame()[..]);
        ensure(right, &format!("header {header}: another frame arrived"))?;
        socket.send(&frame())?;
        ensure(ready(pair.rx.source(), PATIENCE)?, "no frame came")?;
        let received = pair.rx.recv(&mut [RxSlice::new(&mut buffer)])?;
        let length = received.map(|received| received.length);
        let right = length == Some(header.bytes() + 60)
            && buffer.get(header.bytes()..header.bytes() + 60) == Some(&frame()[..]);
        ensure(right, &format!("header {header}: received {received:?}"))?;
    }
    Ok(())
}

/// The kernel tells how long the next frame is, and it stays in its queue.
fn peeked_lengths() -> Outcome {
    let made = Made::new("tap");
    let tap = open(&format!("tap:{}?mtu=9000", made.name()))?;
    made.0.disable_ipv6()?;
    let socket = PacketSocket::plain(&made.0)?;
    let mut nic = Nic::activate(tap, &Activation::plain())?;
    for length in [14, 60, 1514, 2049, 4096, 9014] {
        let mut bytes = frame();
        bytes.resize(length, 5);
        socket.send(&bytes)?;
        for _ in 0..3 {
            let peeked = nic.queue.rx.peek()?;
            ensure(peeked == Some(length), &format!("{peeked:?} of {length}"))?;
        }
        expect(&mut nic, &bytes)?;
        let peeked = nic.queue.rx.peek()?;
        ensure(peeked.is_none(), &format!("{peeked:?} when there is none"))?;
    }
    Ok(())
}

fn down_and_up() -> Outcome {
    let made = Made::new("tap");
    let tap = open(&format!("tap:{}?up=off", made.name()))?;
    made.0.disable_ipv6()?;
    let mut nic = Nic::activate(tap, &Activation::plain())?;
    let down = Sent::Dropped(DropReason::LinkDown);
    for _ in 0..3 {
        let sent = nic.send(&frame())?;
        ensure(sent == down, &format!("{sent:?} while it is down"))?;
        made.0.set_up()?;
        let told = wait_for(&mut *nic.backend, Event::LinkUp);
        ensure(told, "no event tells that it came up")?;
        exchange(&mut nic, made.name())?;
        made.0.set_down()?;
        let told = wait_for(&mut *nic.backend, Event::LinkDown);
        ensure(told, "no event tells that it went down")?;
    }
    Ok(())
}

fn listed_descriptors() -> Outcome {
    let made = Made::new("tap");
    let mut tap = open(&format!("tap:{}", made.name()))?;
    let listed: Vec<i32> = tap.descriptors().iter().map(AsRawFd::as_raw_fd).collect();
    let events = tap.events().map(|source| source.descriptor.as_raw_fd());
    ensure(
        events.is_some_and(|events| listed.contains(&events)),
        &format!("{events:?} is not among {listed:?}"),
    )?;
    made.0.set_down()?;
    let down = wait_for(&mut *tap, Event::LinkDown);
    ensure(down, "no event tells that the interface went down")
}

/// The kernel lets the user of a tap go on, and takes it away afterwards.
fn destroyed_while_open() -> Outcome {
    let made = Made::new("tap");
    let mut nic = Nic::activate(open(&format!("tap:{}", made.name()))?, &Activation::plain())?;
    let interface = made.0.clone();
    let destroying = thread::spawn(move || interface.delete_when_closed());
    thread::sleep(Duration::from_millis(100));
    for _ in 0..10 {
        exchange(&mut nic, made.name())?;
        ensure(!destroying.is_finished(), "destroyed under its user")?;
        while let Some(event) = nic.backend.next_event() {
            ensure(event != Event::Gone, "gone, and it is not")?;
        }
    }
    drop(nic);
    let destroyed = destroying.join();
    destroyed.map_err(|_| "the other thread panicked")??;
    ensure(!made.0.exists(), "it is there")?;
    let mut nic = Nic::activate(open(&format!("tap:{}", made.name()))?, &Activation::plain())?;
    exchange(&mut nic, made.name())
}
