//! What can be asked for, and that it is so afterwards.

use std::os::fd::AsRawFd;
use std::time::Duration;

use net_backend_core::testing::ready;
use net_backend_core::{
    Activation, Event, Features, HeaderLength, LinkState, NetBackend, Nic, Sent,
};
use net_backend_tap::testing::Interface;
use net_backend_tap::{Tap, TapConfig, TapTarget};

use super::{slow_bridges, without_capabilities};
use crate::support::{
    Case, Outcome, config, descriptors, ensure, exchange, first_descriptor, open, wait_for,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::with_taps("opening/free-number", free_number),
        Case::with_taps("opening/settings", settings),
        Case::with_taps("opening/persistent", persistent),
        Case::with_taps("opening/passed-descriptor", passed_descriptor),
        Case::with_taps("opening/passed-queues", passed_queues),
        Case::with_taps("opening/made-for-several-queues", made_for_several_queues),
        Case::with_taps("opening/one-queue-twice", one_queue_twice),
        Case::with_taps("running/activation-when-gone", activation_when_gone),
        Case::with_taps("running/without-privilege", without_privilege),
        Case::with_taps("running/listed-descriptors", listed_descriptors),
        Case::with_taps("running/busy", busy).if_possible(slow_bridges),
    ]
}

fn free_number() -> Outcome {
    let (first, second) = (open("tap:free%d")?, open("tap:free%d")?);
    let names = [&first, &second].map(|tap| tap.describe().target().to_owned());
    ensure(names[0] != names[1], &format!("both are {}", names[0]))?;
    ensure(
        names
            .iter()
            .all(|name| name.starts_with("free") && name.len() > 4),
        &format!("{names:?}"),
    )
}

fn settings() -> Outcome {
    let uri = "tap:settings?mtu=4000&mac=52:54:00:12:34:56&up=off&txqueuelen=77&sndbuf=65536";
    let tap = open(uri)?;
    ensure(
        tap.describe().to_string() == uri,
        &tap.describe().to_string(),
    )?;
    let capabilities = tap.capabilities();
    ensure(
        capabilities.mtu.map(|mtu| mtu.bytes()) == Some(4000),
        &format!("{:?}", capabilities.mtu),
    )?;
    let mac = capabilities.mac.map(|mac| mac.to_string());
    ensure(
        mac.as_deref() == Some("52:54:00:12:34:56"),
        &format!("{mac:?}"),
    )?;
    ensure(tap.link() == LinkState::Down, "up=off, and it is up")?;
    drop(tap);
    let tap = open("tap:settings")?;
    ensure(
        tap.link() == LinkState::Up,
        "opened by name, and it is down",
    )
}

fn persistent() -> Outcome {
    drop(open("tap:stays?persist=on&mtu=2000")?);
    let tap = open("tap:stays?persist=off")?;
    let mtu = tap.capabilities().mtu.map(|mtu| mtu.bytes());
    ensure(
        mtu == Some(2000),
        &format!("another device, of MTU {mtu:?}"),
    )?;
    drop(tap);
    let tap = open("tap:stays")?;
    let mtu = tap.capabilities().mtu.map(|mtu| mtu.bytes());
    ensure(
        mtu == Some(1500),
        &format!("the same device, of MTU {mtu:?}"),
    )
}

/// The number stays open and stays the caller's, so that the same URI opens the tap again.
fn passed_descriptor() -> Outcome {
    let owner = Tap::open(&config("tap:passed")?)?;
    let number = first_descriptor(&owner)?;
    for _ in 0..2 {
        let passed = open(&format!("tap:?fd={number}"))?;
        ensure(
            passed.features().contains(Features::GUEST_TSO4),
            &format!("{}", passed.features()),
        )?;
        let mut nic = Nic::activate(passed, &Activation::plain())?;
        exchange(&mut nic, "passed")?;
    }
    Ok(())
}

fn passed_queues() -> Outcome {
    let owner = Tap::open(&config("tap:queues?queues=2")?)?;
    let mut tap = Tap::open(&TapConfig::new(TapTarget::Descriptors(descriptors(&owner))))?;
    ensure(tap.name() == "queues", tap.name())?;
    ensure(
        tap.capabilities().max_queue_pairs == 2,
        &format!("{} queue pairs", tap.capabilities().max_queue_pairs),
    )?;
    let pairs = tap.activate(&Activation {
        queue_pairs: 2,
        ..Activation::plain()
    })?;
    ensure(pairs.len() == 2, &format!("{} pairs", pairs.len()))?;
    drop(pairs);
    let other = Tap::open(&config("tap:other")?)?;
    let mixed = vec![first_descriptor(&owner)?, first_descriptor(&other)?];
    match Tap::open(&TapConfig::new(TapTarget::Descriptors(mixed))) {
        Ok(_) => Err("queues of two taps were taken".into()),
        Err(error) => ensure(
            error.to_string().contains("is not a queue of the same tap"),
            &error.to_string(),
        ),
    }
}

fn one_queue_twice() -> Outcome {
    let owner = Tap::open(&config("tap:once")?)?;
    let again = owner.queue_descriptors().next().ok_or("no descriptor")?;
    let again = again.try_clone_to_owned()?;
    let numbers = vec![first_descriptor(&owner)?, again.as_raw_fd()];
    match Tap::open(&TapConfig::new(TapTarget::Descriptors(numbers))) {
        Ok(_) => Err("one queue was taken for two".into()),
        Err(error) => ensure(
            error.to_string().contains("the tap has a single one"),
            &error.to_string(),
        ),
    }
}

fn activation_when_gone() -> Outcome {
    let mut tap = open("tap:deleted")?;
    Interface::named("deleted").delete()?;
    match tap.activate(&Activation::negotiated(Features::VERSION_1, 1)) {
        Ok(_) => Err("a deleted tap was activated".into()),
        Err(error) => ensure(error.is_gone(), &error.to_string()),
    }
}

fn made_for_several_queues() -> Outcome {
    drop(open("tap:several?queues=2&persist=on")?);
    let tap = open("tap:several?persist=off")?;
    let most = tap.capabilities().max_queue_pairs;
    ensure(most == 1, &format!("{most} queue pairs"))
}

fn without_privilege() -> Outcome {
    let mut tap = open("tap:humble?queues=2")?;
    without_capabilities(move || {
        for (header, features) in [
            (HeaderLength::Twelve, Features::CSUM | Features::GUEST_CSUM),
            (HeaderLength::None, Features::empty()),
        ] {
            let mut pairs = tap.activate(&Activation {
                queue_pairs: 1,
                header,
                features,
            })?;
            tap.set_receive_offloads(Features::empty())?;
            let pair = pairs.pop().ok_or("no pair")?;
            let frame = vec![0; 60 + header.bytes()];
            let sent = { pair }
                .tx
                .send(&[net_backend_core::TxSlice::new(&frame)])?;
            ensure(sent == Sent::Queued, &format!("{sent:?}"))?;
        }
        while tap.next_event().is_some() {}
        Ok(())
    })
}

fn listed_descriptors() -> Outcome {
    let mut tap = open("tap:listed")?;
    let listed: Vec<i32> = tap.descriptors().iter().map(AsRawFd::as_raw_fd).collect();
    let events = tap.events().map(|source| source.descriptor.as_raw_fd());
    ensure(
        events.is_some_and(|events| listed.contains(&events)),
        &format!("{events:?} is not among {listed:?}"),
    )?;
    Interface::named("listed").set_down()?;
    let down = wait_for(&mut *tap, Event::LinkDown);
    ensure(down, "no event tells that the interface went down")
}

/// Frames wait for a slow tap behind a bridge, until the first tap's share of memory is used up.
fn busy() -> Outcome {
    let mut fast = Nic::activate(open("tap:fast?sndbuf=16384")?, &Activation::plain())?;
    let _slow = open("tap:slow")?;
    let bridge = Interface::named("bridge");
    bridge.add_bridge()?;
    for name in ["fast", "slow"] {
        Interface::named(name).join_bridge(&bridge)?;
    }
    Interface::named("slow").throttle(100_000)?;
    // From one unicast address to another: a group's frames would be copied, and the copy counts for nobody.
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5];
    frame.resize(1000, 0);
    let mut sent = 0;
    while fast.send(&frame)? == Sent::Queued {
        sent += 1;
        ensure(sent < 1000, "a thousand frames found room")?;
    }
    ensure(sent > 1, &format!("{sent} frames found room"))?;
    let again = fast.send(&frame)?;
    ensure(
        again == Sent::Busy { retry_after: None },
        &format!("{again:?}"),
    )?;
    let room = ready(fast.queue.tx.source(), Duration::from_secs(5))?;
    ensure(room, "the source does not tell that there is room")?;
    let sent = fast.send(&frame)?;
    ensure(
        sent == Sent::Queued,
        &format!("there was room, and it is {sent:?}"),
    )?;
    let busy = fast.queue.tx.counters().snapshot().busy;
    ensure(busy == 2, &format!("busy {busy} times"))
}
