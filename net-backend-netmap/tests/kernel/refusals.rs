//! What cannot be had, the exact words for it, and that trying leaves nothing behind.

use net_backend_core::ErrorKind;
use net_backend_netmap::control::{AttachedRings, ControlDevice};

use crate::common::{self, Wire};
use crate::support::{Active, Case, Outcome, ensure, frame, plain, refused, said};

pub(crate) const CASES: &[Case] = &[
    Case::new("refusals/exclusive", exclusive),
    Case::new("refusals/exclusive-ring", exclusive_ring),
    Case::new("refusals/no-such-interface", no_such_interface),
    Case::new("refusals/no-such-ring", no_such_ring),
    Case::new("refusals/no-such-region", no_such_region),
    Case::new("refusals/header-without-support", header_without_support),
    Case::new("refusals/monitor-of-nothing", monitor_of_nothing),
    Case::new("refusals/attached", attached),
    Case::new("refusals/active", active),
];

fn exclusive() -> Outcome {
    let id = common::unique();
    let port = format!("vale{id}:p");
    let words = |suffix: &str| {
        format!(
            "NETMAP_REQ_REGISTER on netmap:{port}{suffix}: {}; others have this port for themselves (/x), or have it at \
             all when /x is asked for; or it is an interface that is attached to the switch, which only the switch uses",
            busy()
        )
    };
    let held = common::open(&format!("{port}/x"))?;
    refused(&port, &words(""))?;
    refused(&format!("{port}/x"), &words("/x"))?;
    drop(held);
    let held = common::open(&port)?;
    refused(&format!("{port}/x"), &words("/x"))?;
    // Others who share are welcome.
    drop((common::open(&port)?, held));
    drop(common::open(&format!("{port}/x"))?);
    expect_no_switch(&id)
}

/// Exclusive rings of one port go together, all of them too.
fn exclusive_ring() -> Outcome {
    let id = common::unique();
    let port = |suffix: &str| format!("vale{id}:b{{1{suffix}/x?rings=2");
    let ring = [port("-0"), port("-1")].map(|name| common::open(&name));
    let [first, second] = ring;
    let (first, second) = (first?, second?);
    ensure!(common::open(&port("-1")).is_err(), "ring 1 was had twice");
    drop(second);
    drop((common::open(&port("-1"))?, first));
    let mut all = Active::new(&port(""))?;
    let mut far = Active::new(&format!("vale{id}:b}}1?rings=2"))?;
    ensure!(all.pairs.len() == 2, "{} pairs of 2", all.pairs.len());
    for pair in [0, 1] {
        all.send_on(pair, &frame(1, 60))?;
        far.expect_on(pair, &frame(1, 60))?;
    }
    Ok(())
}

fn no_such_interface() -> Outcome {
    let id = common::unique();
    let said = |port: &str, advice: &str| {
        let cause = std::io::Error::from_raw_os_error(6).to_string();
        let cause = cause.replace(" (os error 6)", "");
        format!("NETMAP_REQ_REGISTER on netmap:{port}: {cause}; {advice}")
    };
    let port = format!("x{id}");
    let advice = "there is no such interface; a VALE port is written vale0:NAME";
    refused(&port, &said(&port, advice))?;
    let port = format!("x{id}^");
    refused(&port, &said(&port, advice))
}

fn no_such_ring() -> Outcome {
    let id = common::unique();
    let port = format!("vale{id}:p-5");
    let error = common::open(&port).err().ok_or("ring 5 was opened")?;
    let advice = "the port has fewer rings";
    ensure!(error.to_string().contains(advice), "it says {error}");
    let wire = Wire::new()?;
    let port = format!("{}-100", wire.near());
    let error = common::open(&port).err().ok_or("ring 100 was opened")?;
    let advice = "the interface has fewer rings";
    ensure!(error.to_string().contains(advice), "it says {error}");
    expect_no_switch(&id)
}

fn no_such_region() -> Outcome {
    let id = common::unique();
    let port = format!("vale{id}:p@60000");
    let error = common::open(&port).err().ok_or("region 60000 was opened")?;
    let advice = "there is no memory region of that number (@)";
    ensure!(error.to_string().contains(advice), "it says {error}");
    expect_no_switch(&id)
}

fn header_without_support() -> Outcome {
    let id = common::unique();
    let wire = Wire::new()?;
    for port in [format!("vale{id}:p{{1"), wire.near().to_owned()] {
        let error = common::open(&format!("{port}?vnet-hdr=on"));
        let error = error.err().ok_or("opened with a header")?;
        ensure!(error.kind() == ErrorKind::Unsupported, "{error:?}");
        let words = format!(
            "vnet-hdr=on on netmap:{port} is not possible here: only ports of VALE switches carry the virtio-net header, \
             and not persistent ones; leave \
             vnet-hdr out"
        );
        said(&error, &words)?;
    }
    expect_no_switch(&id)
}

fn monitor_of_nothing() -> Outcome {
    let wire = Wire::new()?;
    let port = format!("{}/t", wire.near());
    let error = common::open(&port).err().ok_or("a monitor of nothing")?;
    let advice = "nobody has the port open yet: open it first, then watch it";
    ensure!(error.to_string().contains(advice), "it says {error}");
    Ok(())
}

fn attached() -> Outcome {
    let id = common::unique();
    let wire = Wire::new()?;
    let control = ControlDevice::open()?;
    let port = format!("vale{id}:{}", wire.near());
    control.attach(&port, AttachedRings::Nic)?;
    for name in [wire.near(), &port] {
        let error = common::open(name).err();
        let error = error.ok_or_else(|| format!("{name} was opened"))?;
        ensure!(error.to_string().contains(&busy()), "it says {error}");
        ensure!(error.to_string().contains("switch"), "it says {error}");
    }
    control.detach(&port)?;
    let held = common::open(wire.near())?;
    let error = control.attach(&port, AttachedRings::Nic).err();
    let error = error.ok_or("an open interface was attached")?;
    let words = format!(
        "NETMAP_REQ_VALE_ATTACH on {port}: {}; it is in a switch already, or a program has it open; detach it, or end \
         that program",
        busy()
    );
    said(&error, &words)?;
    drop(held);
    expect_no_switch(&id)
}

/// While queue pairs live, there are no others.
fn active() -> Outcome {
    let id = common::unique();
    let mut backend = common::open(&format!("vale{id}:p"))?;
    let pairs = backend.activate(&plain(1))?;
    let error = backend.activate(&plain(1)).err().ok_or("active twice")?;
    ensure!(error.kind() == ErrorKind::Request, "{error:?}");
    drop(pairs);
    drop(backend.activate(&plain(1))?);
    Ok(())
}

/// What the system says about what somebody else has.
fn busy() -> String {
    let busy = std::io::Error::from_raw_os_error(16).to_string();
    busy.replace(" (os error 16)", "")
}

/// The switch of a case is gone with its ports.
pub(crate) fn expect_no_switch(id: &str) -> Outcome {
    let name = format!("vale{id}");
    let switches = ControlDevice::open()?.switches()?;
    let left = switches
        .iter()
        .find(|switch| switch.name.as_deref() == Some(&name));
    ensure!(left.is_none(), "there is still {left:?}");
    Ok(())
}
