//! Wiring: persistent interfaces, NICs in switches, and what is listed.

use net_backend_core::{Activation, HeaderLength};
use net_backend_netmap::control::{AttachedRings, ControlDevice, InterfaceShape, RingShape};

use crate::common::{self, HostSocket, Wire};
use crate::refusals::expect_no_switch;
use crate::support::{Active, Case, Outcome, PATIENCE, ensure, frame, open_netmap, same};

pub(crate) const CASES: &[Case] = &[
    Case::new("switches/listed", listed),
    Case::new("switches/persistent-interface", persistent_interface),
    Case::new("switches/nic", nic),
    Case::new("switches/nic-and-host", nic_and_host),
    Case::new("switches/header-of-a-port", header_of_a_port),
];

/// The ports of the case's switch.
fn ports(control: &ControlDevice, id: &str) -> Outcome<Vec<String>> {
    let name = format!("vale{id}");
    let switches = control.switches()?;
    let switch = switches
        .into_iter()
        .find(|switch| switch.name.as_deref() == Some(&name));
    let ports = switch.map(|switch| switch.ports).unwrap_or_default();
    Ok(ports.into_iter().map(|port| port.name).collect())
}

fn listed() -> Outcome {
    let id = common::unique();
    let control = ControlDevice::open()?;
    expect_no_switch(&id)?;
    let mut open = Vec::new();
    let mut names = Vec::new();
    for port in ["a", "b", "c"] {
        names.push(format!("vale{id}:{port}"));
        open.push(common::open(&format!("vale{id}:{port}"))?);
        let found = ports(&control, &id)?;
        ensure!(found == names, "{found:?} are listed of {names:?}");
    }
    drop(open.remove(1));
    names.remove(1);
    let found = ports(&control, &id)?;
    ensure!(found == names, "{found:?} are listed of {names:?}");
    drop(open);
    expect_no_switch(&id)
}

fn persistent_interface() -> Outcome {
    let id = common::unique();
    let control = ControlDevice::open()?;
    let shape = RingShape {
        rings: 2,
        slots: 256,
    };
    let wanted = InterfaceShape {
        transmit: shape,
        receive: shape,
        memory: 0,
    };
    let made = control.create_interface(&id, &wanted)?;
    ensure!((made.transmit, made.receive) == (shape, shape), "{made:?}");
    ensure!(
        control.create_interface(&id, &wanted).is_err(),
        "made twice"
    );
    let outcome = use_interface(&control, &id);
    control.delete_interface(&id)?;
    ensure!(control.delete_interface(&id).is_err(), "deleted twice");
    ensure!(common::open(&id).is_err(), "deleted, and there");
    outcome?;
    expect_no_switch(&id)
}

fn use_interface(control: &ControlDevice, id: &str) -> Outcome {
    let name = format!("vale{id}:{id}");
    control.attach(&name, AttachedRings::Nic)?;
    ensure!(
        control.attach(&name, AttachedRings::Nic).is_err(),
        "attached twice"
    );
    let found = ports(control, id)?;
    control.detach(&name)?;
    ensure!(found == [name], "{found:?} are listed");
    expect_no_switch(id)?;
    // In no switch, it is a port of its own, and pipes hang on it.
    let mut ends = (
        Active::folded(&format!("{id}{{1"))?,
        Active::folded(&format!("{id}}}1"))?,
    );
    ends.0.send(&frame(1, 60))?;
    ends.1.expect(&frame(1, 60))?;
    let port = common::open(id)?;
    let pairs = port.capabilities().max_queue_pairs;
    ensure!(pairs == 2, "{pairs} pairs of 2");
    Ok(())
}

fn nic() -> Outcome {
    let id = common::unique();
    let control = ControlDevice::open()?;
    let wire = Wire::new()?;
    let name = format!("vale{id}:{}", wire.near());
    let mut there = HostSocket::new(wire.far())?;
    control.attach(&name, AttachedRings::Nic)?;
    let outcome = Active::new(&format!("vale{id}:vm")).and_then(|mut port| {
        for number in 0..300 {
            port.send(&frame(number, 60 + number as usize))?;
            expect_at(&mut there, &frame(number, 60 + number as usize))?;
            there.send(&frame(number, 1514))?;
            port.expect(&frame(number, 1514))?;
        }
        Ok(())
    });
    control.detach(&name)?;
    outcome?;
    expect_no_switch(&id)?;
    // It is the host's again.
    let host = HostSocket::new(wire.near())?;
    host.send(&frame(1, 60))?;
    expect_at(&mut there, &frame(1, 60))
}

fn nic_and_host() -> Outcome {
    let id = common::unique();
    let control = ControlDevice::open()?;
    let wire = Wire::new()?;
    let name = format!("vale{id}:{}", wire.near());
    control.attach(&name, AttachedRings::NicAndHost)?;
    let mut found = ports(&control, &id)?;
    found.sort();
    let outcome = Active::new(&format!("vale{id}:vm")).and_then(|mut port| {
        let mut here = HostSocket::new(wire.near())?;
        let mut there = HostSocket::new(wire.far())?;
        port.send(&frame(1, 60))?;
        expect_at(&mut here, &frame(1, 60))?;
        expect_at(&mut there, &frame(1, 60))?;
        here.send(&frame(2, 60))?;
        port.expect(&frame(2, 60))
    });
    control.detach(&name)?;
    let expected = [name.clone(), format!("{name}^")];
    ensure!(found == expected, "{found:?} are listed");
    outcome?;
    expect_no_switch(&id)
}

fn header_of_a_port() -> Outcome {
    let id = common::unique();
    let control = ControlDevice::open()?;
    let name = format!("vale{id}:p");
    ensure!(control.header_length(&name).is_err(), "a header of nothing");
    let mut port = open_netmap(&name)?;
    control.set_header_length(&name, HeaderLength::Ten)?;
    let length = control.header_length(&name)?;
    ensure!(length == 10, "{length} bytes after 10 were set");
    // Activation puts right what somebody else did.
    drop(port.queues(&Activation::plain())?);
    let length = control.header_length(&name)?;
    ensure!(length == 0, "{length} bytes while active without");
    Ok(())
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
