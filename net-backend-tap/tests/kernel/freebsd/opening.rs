//! What can be asked for, and that it is so afterwards.

use net_backend_core::{Activation, Features, LinkState, Nic};
use net_backend_tap::testing::{Interface, PacketSocket};
use net_backend_tap::{Tap, TapConfig, TapTarget};

use super::{Made, expect};
use crate::support::{
    Case, Outcome, config, ensure, exchange, first_descriptor, frame, open, send_to,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::with_taps("names/made-by-opening", made_by_opening),
        Case::with_taps("names/free-number", || free_number("tap")),
        Case::with_taps("names/free-vmnet", || free_number("vmnet")),
        Case::with_taps("names/vmnet-stays-up", vmnet_stays_up),
        Case::with_taps("opening/settings", settings),
        Case::with_taps("opening/transient", transient),
        Case::with_taps("opening/passed-descriptor", passed_descriptor),
    ]
}

/// The interface is there from then on, until somebody deletes it.
fn made_by_opening() -> Outcome {
    let made = Made::new("tap");
    ensure(!made.0.exists(), "it was there before")?;
    for _ in 0..3 {
        let tap = open(&format!("tap:{}", made.name()))?;
        let told = tap.describe().to_string();
        ensure(told == format!("tap:{}", made.name()), &told)?;
        ensure(tap.link() == LinkState::Up, "it is down")?;
        exchange(&mut Nic::activate(tap, &Activation::plain())?, made.name())?;
        ensure(made.0.exists(), "it went with its user")?;
    }
    made.0.delete()?;
    ensure(!made.0.exists(), "it was deleted, and is there")
}

fn free_number(driver: &str) -> Outcome {
    let [first, second] = [
        open(&format!("tap:{driver}%d")),
        open(&format!("tap:{driver}%d")),
    ];
    let (first, second) = (first?, second?);
    let names = [&first, &second].map(|tap| tap.describe().target().to_owned());
    let mut nic = Nic::activate(second, &Activation::plain())?;
    let outcome = exchange(&mut nic, &names[1]);
    drop((first, nic));
    let made = names.each_ref().map(|name| Made(Interface::named(name)));
    let there = made.iter().all(|made| made.0.exists());
    outcome?;
    ensure(there, &format!("{names:?} are not there"))?;
    let right = names.iter().all(|name| name.starts_with(driver));
    ensure(right && names[0] != names[1], &format!("{names:?}"))
}

/// What is queued for a vmnet that nobody has open is not for whoever opens it next.
fn vmnet_stays_up() -> Outcome {
    let made = Made::new("vmnet");
    let uri = format!("tap:{}", made.name());
    drop(open(&uri)?);
    made.0.disable_ipv6()?;
    let socket = PacketSocket::plain(&made.0)?;
    let mut old = frame();
    old.resize(100, 1);
    // It is up without a user, and takes frames.
    socket.send(&old)?;
    let mut nic = Nic::activate(open(&uri)?, &Activation::plain())?;
    socket.send(&frame())?;
    expect(&mut nic, &frame())?;
    send_to(&mut nic, &socket)
}

fn settings() -> Outcome {
    let made = Made::new("tap");
    let uri = format!("tap:{}?mtu=4000&mac=52:54:00:12:34:56&up=off", made.name());
    let tap = open(&uri)?;
    let told = tap.describe().to_string();
    ensure(told == uri, &told)?;
    let mtu = tap.capabilities().mtu.map(|mtu| mtu.bytes());
    ensure(mtu == Some(4000), &format!("{mtu:?}"))?;
    let mac = tap.capabilities().mac.map(|mac| mac.to_string());
    ensure(
        mac.as_deref() == Some("52:54:00:12:34:56"),
        &format!("{mac:?}"),
    )?;
    ensure(tap.link() == LinkState::Down, "up=off, and it is up")?;
    drop(tap);
    let tap = open(&format!("tap:{}", made.name()))?;
    let mtu = tap.capabilities().mtu.map(|mtu| mtu.bytes());
    ensure(
        mtu == Some(4000),
        &format!("another device, of MTU {mtu:?}"),
    )?;
    ensure(
        tap.link() == LinkState::Up,
        "opened by name, and it is down",
    )
}

/// With `persist=off` it goes with its last user, since FreeBSD 15.
fn transient() -> Outcome {
    let made = Made::new("tap");
    let uri = |persist| format!("tap:{}?persist={persist}", made.name());
    let tap = match open(&uri("off")) {
        Err(error) if error.to_string().contains("need FreeBSD 15") => {
            // What was made for an open that failed is gone.
            return ensure(!made.0.exists(), "refused, and the interface is there");
        }
        opened => opened?,
    };
    let mut nic = Nic::activate(tap, &Activation::plain())?;
    exchange(&mut nic, made.name())?;
    ensure(made.0.exists(), "it went before its user")?;
    drop(nic);
    ensure(!made.0.exists(), "it is there without a user")?;
    drop(open(&uri("off"))?);
    ensure(!made.0.exists(), "it is there without a user")?;
    let tap = open(&uri("off"))?;
    drop(tap);
    drop(open(&uri("on"))?);
    ensure(made.0.exists(), "persist=on, and it is gone")?;
    drop(open(&uri("off"))?);
    ensure(!made.0.exists(), "persist=off again, and it is there")
}

/// The number stays open and stays the caller's, so that the same URI opens the tap again.
fn passed_descriptor() -> Outcome {
    let made = Made::new("tap");
    let owner = Tap::open(&config(&format!("tap:{}", made.name()))?)?;
    let number = first_descriptor(&owner)?;
    for _ in 0..2 {
        let passed = open(&format!("tap:?fd={number}"))?;
        let offered = passed.features();
        let right = offered.contains(Features::GUEST_TSO4);
        ensure(right, &format!("it offers {offered}"))?;
        let mut nic = Nic::activate(passed, &Activation::plain())?;
        exchange(&mut nic, made.name())?;
    }
    let config = TapConfig::new(TapTarget::Descriptors(vec![number]));
    let tap = Tap::open(&config)?;
    ensure(tap.name() == made.name(), tap.name())?;
    let several = TapConfig::new(TapTarget::Descriptors(vec![number, number + 1]));
    ensure(Tap::open(&several).is_err(), "two descriptors were taken")
}
