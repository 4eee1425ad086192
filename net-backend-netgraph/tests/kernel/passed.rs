//! `fd=N`: what somebody else connected.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use net_backend_core::NetBackend;
use net_backend_core::testing::Failure;

use crate::common::World;
use crate::support::{Active, Case, Outcome, ensure, expect_passage, expect_refusal, frame};

pub(crate) const CASES: &[Case] = &[
    Case::new("fd/frames-pass", frames_pass),
    Case::new("fd/stays-open", stays_open),
    Case::new("fd/without-hook", without_hook),
    Case::new("fd/control-socket", control_socket),
    Case::new("fd/another-socket", another_socket),
    Case::new("fd/file", file),
    Case::new("fd/closed", closed),
];

fn frames_pass(world: &World) -> Outcome {
    let far = world.far()?;
    let mut maker = world.far()?;
    maker.connect(".:", &format!("[{:x}]:", far.id()), "a", "b")?;
    let mut near = Active::new(world, &format!("netgraph:?fd={}", maker.number()))?;
    ensure!(near.backend.peer().is_none(), "it knows its peer");
    ensure!(near.backend.events().is_none(), "it has events");
    expect_passage(&mut near, &far)
}

/// It is not the backend's, which has a duplicate.
fn stays_open(world: &World) -> Outcome {
    let far = world.far()?;
    let mut maker = world.far()?;
    maker.connect(".:", &format!("[{:x}]:", far.id()), "a", "b")?;
    let uri = format!("netgraph:?fd={}", maker.number());
    drop(Active::new(world, &uri)?);
    maker.send(None, &frame(1, Some(2), 60))?;
    let received = crate::support::receive(&far)?;
    ensure!(received.len() == 60, "{} bytes arrived", received.len());
    Ok(())
}

/// A socket whose node has no hook never sends anything.
fn without_hook(world: &World) -> Outcome {
    let maker = world.far()?;
    let uri = format!("netgraph:?fd={}", maker.number());
    let mut near = match Active::new(world, &uri) {
        Ok(near) => near,
        Err(_) => return Ok(()),
    };
    let sent = near.try_send(&frame(1, Some(2), 60));
    ensure!(
        sent.as_ref().is_err_and(net_backend_core::Error::is_gone),
        "{sent:?}"
    );
    Ok(())
}

fn control_socket(world: &World) -> Outcome {
    let other = world.open("netgraph:?mkpeer=echo")?;
    let descriptors = other.descriptors();
    let control = descriptors.last();
    let control = control.ok_or_else(|| Failure::new("it has no descriptors"))?;
    let number = control.as_raw_fd();
    expect_refusal(
        world,
        &format!("netgraph:?fd={number}"),
        &[&format!("fd={number}")],
    )
}

fn another_socket(world: &World) -> Outcome {
    let (socket, _other) = UnixStream::pair()?;
    expect_not_netgraph(world, socket.as_raw_fd())
}

fn file(world: &World) -> Outcome {
    let file = File::open("/dev/null")?;
    expect_not_netgraph(world, file.as_raw_fd())
}

fn expect_not_netgraph(world: &World, number: i32) -> Outcome {
    let fd = format!("fd={number}");
    expect_refusal(world, &format!("netgraph:?{fd}"), &[&fd, "no data socket"])
}

fn closed(world: &World) -> Outcome {
    expect_refusal(world, "netgraph:?fd=1000000", &["fd=1000000", "is open"])
}
