//! `uplink=INTERFACE`, and the hooks of interfaces.

use std::sync::Barrier;

use net_backend_core::testing::{Failure, ready};
use net_backend_core::{Event, LinkState, NetBackend};

use crate::common::nic::Nic;
use crate::common::world::{World, unique};
use crate::support::{
    Active, Case, LINK_DOWN, Outcome, PATIENCE, SILENCE, ensure, expect_exchange, expect_refusal,
    frame, same,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("uplink/frames-pass", frames_pass),
    Case::new("uplink/stays-for-the-next", stays_for_the_next),
    Case::new("uplink/of-another-bridge", of_another_bridge),
    Case::new("uplink/of-others", of_others),
    Case::new("uplink/many-openers", many_openers),
    Case::new("uplink/not-there", not_there),
    Case::new("lower/frames-pass", lower),
    Case::new("lower/taken", lower_taken),
    Case::new("lower/no-such-hook", no_such_hook),
    Case::new("lower/link-events", link_events),
];

fn frames_pass(world: &World) -> Outcome {
    let mut nic = Nic::wired(world)?;
    let uri = format!("netgraph:?bridge={}&uplink={}", unique(), nic.name());
    let mut guest = Active::new(world, &uri)?;
    expect_wire(&mut guest, &mut nic)
}

/// Whoever opens it again finds the interface in the bridge.
fn stays_for_the_next(world: &World) -> Outcome {
    let mut nic = Nic::wired(world)?;
    let uri = format!("netgraph:?bridge={}&uplink={}", unique(), nic.name());
    let mut one = Active::new(world, &uri)?;
    let before = world.hooks(nic.name())?;
    let mut other = Active::new(world, &uri)?;
    let after = world.hooks(nic.name())?;
    ensure!(before == after, "hooks {before:?} became {after:?}");
    ensure!(after.len() == 2, "the interface has hooks {after:?}");
    expect_exchange(&mut one, &mut other)?;
    drop(one);
    // What the bridge did not know where to send.
    while nic.receive(SILENCE)?.is_some() {}
    let out = frame(3, None, 60);
    other.send(&out)?;
    expect_on_wire(&mut nic, &out)
}

fn of_another_bridge(world: &World) -> Outcome {
    let nic = Nic::wired(world)?;
    let (first, second) = (unique(), unique());
    let interface = nic.name();
    let _first = world.open(&format!("netgraph:?bridge={first}&uplink={interface}"))?;
    let uri = format!("netgraph:?bridge={second}&uplink={interface}");
    expect_refusal(world, &uri, &[interface, &first, "bridge", "uplink="])?;
    let hooks = world.hooks(interface)?.len();
    ensure!(hooks == 2, "the interface has {hooks} hooks afterwards");
    Ok(())
}

fn of_others(world: &World) -> Outcome {
    let nic = Nic::wired(world)?;
    let interface = nic.name();
    for hook in ["lower", "upper"] {
        let ours = unique();
        let uri = format!("netgraph:{interface}:?peerhook={hook}&socket={ours}");
        let _other = world.open(&uri)?;
        let uri = format!("netgraph:?bridge={}&uplink={interface}", unique());
        expect_refusal(world, &uri, &[interface, hook, &ours, "socket"])?;
        let hooks = world.hooks(interface)?.len();
        ensure!(hooks == 1, "the interface has {hooks} hooks afterwards");
    }
    Ok(())
}

/// Whoever is first puts the interface into the bridge, once.
fn many_openers(world: &World) -> Outcome {
    for _ in 0..5 {
        let nic = Nic::wired(world)?;
        let uri = format!("netgraph:?bridge={}&uplink={}", unique(), nic.name());
        let (count, start) = (8, Barrier::new(8));
        let opened = std::thread::scope(|scope| {
            let open = || {
                start.wait();
                world.open(&uri)
            };
            let threads: Vec<_> = (0..count).map(|_| scope.spawn(open)).collect();
            let ended = threads.into_iter().map(|thread| thread.join());
            ended.collect::<Vec<_>>()
        });
        let mut backends = Vec::new();
        for result in opened {
            backends.push(result.map_err(|_| Failure::new("an opener panicked"))??);
        }
        let hooks = world.hooks(nic.name())?;
        ensure!(hooks.len() == 2, "the interface has hooks {hooks:?}");
    }
    Ok(())
}

fn not_there(world: &World) -> Outcome {
    for persist in ["", "&persist=on"] {
        let uri = format!("netgraph:?bridge={}&uplink=nosuch0{persist}", unique());
        expect_refusal(world, &uri, &["nosuch0"])?;
    }
    Ok(())
}

fn lower(world: &World) -> Outcome {
    let mut nic = Nic::wired(world)?;
    let mut guest = Active::new(world, &format!("netgraph:{}:?peerhook=lower", nic.name()))?;
    world.set_promiscuous(nic.name())?;
    expect_wire(&mut guest, &mut nic)
}

fn lower_taken(world: &World) -> Outcome {
    let nic = Nic::wired(world)?;
    let uri = format!("netgraph:{}:?peerhook=lower", nic.name());
    let _first = world.open(&uri)?;
    expect_refusal(world, &uri, &["NGM_CONNECT", nic.name()])
}

fn no_such_hook(world: &World) -> Outcome {
    let nic = Nic::wired(world)?;
    let uri = format!("netgraph:{}:?peerhook=sideways", nic.name());
    expect_refusal(world, &uri, &["NGM_CONNECT", "hook"])
}

fn link_events(world: &World) -> Outcome {
    let mut nic = Nic::pluggable(world)?;
    let uri = format!("netgraph:{}:?peerhook=lower", nic.name());
    let mut guest = Active::new(world, &uri)?;
    while guest.backend.next_event().is_some() {}
    for _ in 0..3 {
        nic.set_link(false)?;
        expect_event(&mut guest, &Event::LinkDown)?;
        let link = guest.backend.link();
        ensure!(link == LinkState::Down, "the link is {link:?}");
        guest.expect_sent(&frame(1, None, 60), LINK_DOWN)?;
        nic.set_link(true)?;
        expect_event(&mut guest, &Event::LinkUp)?;
        guest.send(&frame(1, None, 60))?;
    }
    Ok(())
}

/// Waits until this event comes; what happened before may be told before it.
fn expect_event(active: &mut Active, expected: &Event) -> Outcome {
    loop {
        match active.backend.next_event() {
            Some(event) if event == *expected => return Ok(()),
            Some(_) => continue,
            None => {}
        }
        let source = active.backend.events();
        let source = source.ok_or_else(|| Failure::new("it has no events"))?;
        ensure!(ready(source, PATIENCE)?, "not woken for {expected:?}");
    }
}

fn expect_wire(guest: &mut Active, nic: &mut Nic) -> Outcome {
    for length in [60, 1514] {
        let out = frame(1, Some(2), length);
        guest.send(&out)?;
        expect_on_wire(nic, &out)?;
        let back = frame(2, Some(1), length);
        ensure!(nic.send(&back)?, "no room on the wire");
        guest.expect(&back)?;
    }
    Ok(())
}

fn expect_on_wire(nic: &mut Nic, frame: &[u8]) -> Outcome {
    loop {
        let seen = nic.receive(PATIENCE)?;
        let seen = seen.ok_or_else(|| Failure::new("nothing came out of the wire"))?;
        // The system may say something too.
        if seen.get(12..14) == Some(&[0x88, 0xb5]) {
            return same(&seen, frame);
        }
    }
}
