//! Each suffix of a name opens what it says.

use net_backend_core::{DropReason, Sent, TxSlice};

use crate::common::{self, HostSocket, Wire};
use crate::support::{
    Active, Case, Outcome, PATIENCE, ensure, expect_nothing, frame, open_netmap, same,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("names/one-ring", one_ring),
    Case::new("names/host-ring", host_ring),
    Case::new("names/nic-and-host", nic_and_host),
    Case::new("names/pipe-identifiers", pipe_identifiers),
    Case::new("names/pipe-of-an-interface", pipe_of_an_interface),
    Case::new("names/memory-region", memory_region),
    Case::new("names/receive-only", receive_only),
    Case::new("names/transmit-only", transmit_only),
    Case::new("names/rings-and-slots", rings_and_slots),
];

fn one_ring() -> Outcome {
    let id = common::unique();
    let mut far = Active::new(&format!("vale{id}:b}}1?rings=4"))?;
    let mut near = Active::new(&format!("vale{id}:b{{1-2?rings=4"))?;
    ensure!(far.pairs.len() == 4, "{} pairs of 4", far.pairs.len());
    ensure!(near.pairs.len() == 1, "{} pairs of 1", near.pairs.len());
    near.send(&frame(1, 60))?;
    far.expect_on(2, &frame(1, 60))?;
    far.send_on(2, &frame(2, 60))?;
    near.expect(&frame(2, 60))?;
    for other in [0, 1, 3] {
        far.send_on(other, &frame(3, 60))?;
    }
    near.expect_nothing()
}

/// What the host sends goes to its rings while the NIC's are open too, and to the wire otherwise.
fn host_ring() -> Outcome {
    let wire = Wire::new()?;
    let _nic = common::open(wire.near())?;
    let mut port = Active::new(&format!("{}^0", wire.near()))?;
    let mut host = HostSocket::new(wire.near())?;
    ensure!(port.pairs.len() == 1, "{} pairs", port.pairs.len());
    ensure!(host.send(&frame(1, 100))?, "the host has no room");
    port.expect(&frame(1, 100))?;
    port.send(&frame(2, 100))?;
    expect_at(&mut host, &frame(2, 100))
}

fn nic_and_host() -> Outcome {
    let wire = Wire::new()?;
    let name = format!("{}*", wire.near());
    let mut port = Active::new(&name)?;
    let mut here = HostSocket::new(wire.near())?;
    let mut there = HostSocket::new(wire.far())?;
    ensure!(port.pairs.len() == 2, "{} pairs", port.pairs.len());
    port.send_on(0, &frame(1, 60))?;
    expect_at(&mut there, &frame(1, 60))?;
    port.send_on(1, &frame(2, 60))?;
    expect_among(&mut here, &frame(2, 60))?;
    there.send(&frame(3, 60))?;
    port.expect_on(0, &frame(3, 60))?;
    here.send(&frame(4, 60))?;
    port.expect_on(1, &frame(4, 60))?;
    // Folded into one pair, both are received, and what is sent goes to the wire.
    drop(port);
    let mut port = Active::folded(&name)?;
    there.send(&frame(5, 60))?;
    port.expect(&frame(5, 60))?;
    here.send(&frame(6, 60))?;
    port.expect(&frame(6, 60))?;
    port.send(&frame(7, 60))?;
    expect_at(&mut there, &frame(7, 60))
}

fn pipe_identifiers() -> Outcome {
    let id = common::unique();
    let base = format!("vale{id}:b");
    let mut ends = Vec::new();
    for suffix in ["{one", "}one", "{two", "}two"] {
        ends.push(Active::new(&format!("{base}{suffix}"))?);
    }
    for (from, to, number) in [(0, 1, 1), (1, 0, 2), (2, 3, 3), (3, 2, 4)] {
        ends[from].send(&frame(number, 60))?;
        ends[to].expect(&frame(number, 60))?;
    }
    ends.iter_mut().try_for_each(Active::expect_nothing)
}

/// The interface itself stays usable beside its pipes.
fn pipe_of_an_interface() -> Outcome {
    let wire = Wire::new()?;
    let near = wire.near();
    let mut port = Active::new(near)?;
    let mut master = Active::new(&format!("{near}{{7"))?;
    let mut slave = Active::new(&format!("{near}}}7"))?;
    let mut there = HostSocket::new(wire.far())?;
    master.send(&frame(1, 60))?;
    slave.expect(&frame(1, 60))?;
    port.send(&frame(2, 60))?;
    expect_at(&mut there, &frame(2, 60))?;
    port.expect_nothing()?;
    master.expect_nothing()
}

fn memory_region() -> Outcome {
    let id = common::unique();
    let first = open_netmap(&format!("vale{id}:a"))?;
    let own = open_netmap(&format!("vale{id}:b"))?;
    let memory = first.memory();
    let shared = open_netmap(&format!("vale{id}:c@{memory}"))?;
    let [own, shared] = [own.memory(), shared.memory()];
    ensure!(own != memory, "two ports are in region {memory}");
    ensure!(shared == memory, "in region {shared} instead of {memory}");
    Ok(())
}

fn receive_only() -> Outcome {
    let id = common::unique();
    let mut far = Active::new(&format!("vale{id}:far"))?;
    let mut port = Active::new(&format!("vale{id}:near/R"))?;
    far.send(&frame(1, 60))?;
    port.expect(&frame(1, 60))?;
    let bytes = frame(2, 60);
    let sent = port.pairs[0].tx.send(&[TxSlice::new(&bytes)])?;
    let dropped = Sent::Dropped(DropReason::Policy);
    ensure!(sent == dropped, "sent without transmit rings: {sent:?}");
    port.pairs[0].tx.flush()?;
    far.expect_nothing()
}

fn transmit_only() -> Outcome {
    let id = common::unique();
    let mut far = Active::new(&format!("vale{id}:far"))?;
    let mut port = Active::new(&format!("vale{id}:near/T"))?;
    port.send(&frame(1, 60))?;
    far.expect(&frame(1, 60))?;
    far.send(&frame(2, 60))?;
    expect_nothing(&mut *port.pairs[0].rx)
}

fn rings_and_slots() -> Outcome {
    let id = common::unique();
    let name = format!("vale{id}:p");
    let port = open_netmap(&format!("{name}?rings=3&slots=128"))?;
    let info = net_backend_netmap::control::ControlDevice::open()?.port_info(&name)?;
    for shape in [info.transmit, info.receive] {
        ensure!((shape.rings, shape.slots) == (3, 128), "it has {shape:?}");
    }
    ensure!(info.memory == port.memory(), "two regions for one port");
    Ok(())
}

/// On FreeBSD what an emulated NIC sends looks to bpf(4) as if it came in (`rcvif` in `nm_os_generic_xmit_frame`,
/// sys/dev/netmap/netmap_freebsd.c), so that other frames may be before this one.
fn expect_among(host: &mut HostSocket, frame: &[u8]) -> Outcome {
    loop {
        let received = host.receive(PATIENCE)?;
        if received.ok_or("the host received nothing")? == frame {
            return Ok(());
        }
    }
}

fn expect_at(host: &mut HostSocket, frame: &[u8]) -> Outcome {
    loop {
        let received = host.receive(PATIENCE)?;
        let received = received.ok_or("the host received nothing")?;
        if received.get(12..14) == Some(&[0x88, 0xb5]) {
            return same(&received, frame);
        }
    }
}
