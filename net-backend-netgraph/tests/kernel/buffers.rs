//! `sndbuf=` and `rcvbuf=`, and long frames.

use net_backend_core::{DropReason, NetBackend, Sent};

use crate::common::nic::Nic;
use crate::common::world::{World, unique};
use crate::support::{
    Active, Case, Outcome, ensure, expect_passage, expect_refusal, frame, receive, same,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("buffers/as-large-as-is-of-use", as_large_as_is_of_use),
    Case::new("buffers/as-asked", as_asked),
    Case::new("buffers/refused", buffers_refused),
    Case::new("buffers/longest-frame", longest_frame),
    Case::new("buffers/long-frames", long_frames),
    Case::new("buffers/short-frames", short_frames),
    Case::new("buffers/empty-frames", empty_frames),
];

fn as_large_as_is_of_use(world: &World) -> Outcome {
    let backend = world.open("netgraph:?mkpeer=echo")?;
    let found = [backend.send_buffer(), backend.receive_buffer()];
    match world {
        // Eight ninths of kern.ipc.maxsockbuf.
        World::Model(_) => ensure!(found == [1_864_135; 2], "{found:?}"),
        World::System => {
            let bounds = (64 << 10)..=(4 << 20);
            ensure!(found.iter().all(|it| bounds.contains(it)), "{found:?}");
        }
    }
    Ok(())
}

fn as_asked(world: &World) -> Outcome {
    let backend = world.open("netgraph:?mkpeer=echo&sndbuf=5000&rcvbuf=6000")?;
    let found = [backend.send_buffer(), backend.receive_buffer()];
    ensure!(found == [5000, 6000], "{found:?}");
    let most = backend.capabilities().max_frame.bytes();
    ensure!(most == 5000, "the longest frame has {most} bytes");
    Ok(())
}

fn buffers_refused(world: &World) -> Outcome {
    let nic = Nic::wired(world)?;
    for key in ["sndbuf", "rcvbuf"] {
        let option = format!("{key}=2147483647");
        for wiring in [
            "mkpeer=hub".to_owned(),
            "mkpeer=eiface".to_owned(),
            format!("bridge={}&persist=on", unique()),
            format!("bridge={}&uplink={}", unique(), nic.name()),
        ] {
            let uri = format!("netgraph:?{wiring}&{option}");
            expect_refusal(world, &uri, &[&option, "kern.ipc.maxsockbuf"])?;
        }
    }
    Ok(())
}

fn longest_frame(world: &World) -> Outcome {
    let far = world.far()?;
    let uri = format!("netgraph:[{:x}]:?peerhook=x&sndbuf=5000", far.id());
    let mut near = Active::new(world, &uri)?;
    let longest = frame(1, Some(2), 5000);
    near.send(&longest)?;
    same(&receive(&far)?, &longest)?;
    let too_long = Sent::Dropped(DropReason::TooLong);
    near.expect_sent(&frame(1, Some(2), 5001), too_long)?;
    near.expect_sent(&frame(1, Some(2), 1 << 17), too_long)?;
    expect_passage(&mut near, &far)
}

fn long_frames(world: &World) -> Outcome {
    let far = world.far()?;
    far.set_buffers(200_000, 200_000)?;
    let mut near = Active::new(world, &format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    for length in [9014, 60_000, 65_535] {
        let out = frame(1, Some(2), length);
        near.send(&out)?;
        same(&receive(&far)?, &out)?;
        let back = frame(2, Some(1), length);
        far.send(None, &back)?;
        near.expect(&back)?;
    }
    Ok(())
}

/// A frame without a whole Ethernet header is none, and is not sent.
fn short_frames(world: &World) -> Outcome {
    let far = world.far()?;
    let mut near = Active::new(world, &format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    for length in [0, 1, 13] {
        near.expect_sent(&vec![0; length], Sent::Dropped(DropReason::Malformed))?;
    }
    expect_passage(&mut near, &far)
}

/// Nothing at all, from a neighbour, is not the end.
fn empty_frames(world: &World) -> Outcome {
    let far = world.far()?;
    let mut near = Active::new(world, &format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    for _ in 0..3 {
        far.send(None, &[])?;
        near.expect_nothing()?;
        far.send(None, &[])?;
        expect_passage(&mut near, &far)?;
    }
    Ok(())
}
