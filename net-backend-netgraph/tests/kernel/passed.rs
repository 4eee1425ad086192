//! `fd=N`: what somebody else connected.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use net_backend_core::NetBackend;
use net_backend_core::testing::{Failure, ready};
use net_backend_netgraph::ng::{Client, DataSocket};

use crate::common::world::World;
use crate::support::{
    Active, Case, LINK_DOWN, Outcome, PATIENCE, ensure, expect_passage, expect_refusal, frame, same,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("fd/frames-pass", frames_pass),
    Case::new("fd/stays-open", stays_open),
    Case::new("fd/without-hook", without_hook),
    Case::new("fd/control-socket", control_socket),
    Case::new("fd/another-socket", another_socket),
    Case::new("fd/file", file),
    Case::new("fd/closed", closed),
];

/// What only a kernel that is not a model can be asked for.
pub(crate) const SYSTEM_CASES: &[Case] = &[
    Case::new("fd/of-no-node", of_no_node),
    Case::new("ng/frames-pass", through_the_client),
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

/// Its link is down until its node has a hook.
fn without_hook(world: &World) -> Outcome {
    let far = world.far()?;
    let mut maker = world.far()?;
    let uri = format!("netgraph:?fd={}", maker.number());
    let mut near = Active::new(world, &uri)?;
    near.expect_sent(&frame(1, Some(2), 60), LINK_DOWN)?;
    maker.connect(".:", &format!("[{:x}]:", far.id()), "a", "b")?;
    expect_passage(&mut near, &far)
}

fn of_no_node(world: &World) -> Outcome {
    let socket = DataSocket::open()?;
    let fd = format!("fd={}", socket.source().descriptor.as_raw_fd());
    let words = [&fd, "connect it with its node"];
    expect_refusal(world, &format!("netgraph:?{fd}"), &words)
}

/// A program that uses the client for messages, and a data socket, is a neighbour as any other.
fn through_the_client(world: &World) -> Outcome {
    let mut client = Client::open()?;
    let mut socket = DataSocket::open()?;
    socket.join(client.id()?)?;
    let uri = format!("netgraph:{}:?peerhook=x", client.id()?);
    let mut near = Active::new(world, &uri)?;
    let out = frame(1, Some(2), 60);
    near.send(&out)?;
    ensure!(ready(socket.source(), PATIENCE)?, "no frame arrived");
    let mut buffer = [0; 2048];
    let received = socket.receive(&mut buffer)?;
    let (length, hook) = received.ok_or_else(|| Failure::new("nothing to receive"))?;
    ensure!(hook.as_str() == "x", "it came by {hook}");
    same(&buffer[..length], &out)?;
    let back = frame(2, Some(1), 1514);
    socket.send(&hook, &back)?;
    near.expect(&back)
}

fn control_socket(world: &World) -> Outcome {
    let refused = |number: i32| {
        let uri = format!("netgraph:?fd={number}");
        expect_refusal(world, &uri, &[&format!("fd={number}")])
    };
    match world {
        // Those of backends may not even be asked what they are.
        World::System => refused(Client::open()?.source().descriptor.as_raw_fd()),
        World::Model(_) => {
            let other = world.open("netgraph:?mkpeer=echo")?;
            let control = other.descriptors().pop();
            let control = control.ok_or_else(|| Failure::new("it has no descriptors"))?;
            refused(control.as_raw_fd())
        }
    }
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
