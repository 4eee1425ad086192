//! Receivers without room.

use std::time::{Duration, Instant};

use net_backend_core::Sent;
use net_backend_netgraph::testing::Far;

use crate::common::world::{World, unique};
use crate::support::{
    Active, Case, NO_ROOM, Outcome, PATIENCE, count, ensure, expect_passage, frame, receive, same,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("crowding/patience-ends", patience_ends),
    Case::new("crowding/no-patience", no_patience),
    Case::new("crowding/room-again", room_again),
    Case::new("crowding/groups-get-it-once", groups_get_it_once),
    Case::new("crowding/received-in-vain", received_in_vain),
];

/// More small frames than a small buffer holds.
const MANY: usize = 10_000;

/// Bytes of such a buffer.
const SMALL: usize = 4096;

/// Sends until a frame is not taken; gives what was said.
fn fill(near: &mut Active, frame: &[u8]) -> Outcome<Sent> {
    for _ in 0..MANY {
        let sent = near.try_send(frame)?;
        if sent != Sent::Queued {
            return Ok(sent);
        }
    }
    Err(net_backend_core::testing::Failure::new("never full"))
}

fn crowded(world: &World, options: &str) -> Outcome<(Active, Far)> {
    let far = world.far()?;
    far.set_buffers(0, SMALL)?;
    let uri = format!("netgraph:[{:x}]:?peerhook=x{options}", far.id());
    Ok((Active::new(world, &uri)?, far))
}

/// Somebody who never receives delays a sender once, and costs nothing from then on.
fn patience_ends(world: &World) -> Outcome {
    let (mut near, far) = crowded(world, "&patience=1000")?;
    let out = frame(1, Some(2), 60);
    let begin = Instant::now();
    let mut sent = fill(&mut near, &out)?;
    let mut busy = 0;
    while let Sent::Busy { retry_after } = sent {
        let wait = retry_after.unwrap_or_default();
        ensure!(wait > Duration::ZERO, "busy, and nothing says until when");
        ensure!(begin.elapsed() < 6 * PATIENCE, "busy for ever");
        std::thread::sleep(wait);
        busy += 1;
        sent = near.try_send(&out)?;
    }
    ensure!(busy > 0, "never busy");
    ensure!(sent == NO_ROOM, "busy, and then {sent:?}");
    for _ in 0..100 {
        near.expect_sent(&out, NO_ROOM)?;
    }
    ensure!(count(&far) > 0, "the far end has no frames");
    expect_passage(&mut near, &far)
}

fn no_patience(world: &World) -> Outcome {
    let (mut near, far) = crowded(world, "&patience=0")?;
    let out = frame(1, Some(2), 60);
    let sent = fill(&mut near, &out)?;
    ensure!(sent == NO_ROOM, "{sent:?}");
    near.expect_sent(&out, NO_ROOM)?;
    let _waiting = count(&far);
    expect_passage(&mut near, &far)
}

fn room_again(world: &World) -> Outcome {
    let (mut near, far) = crowded(world, "&patience=60000")?;
    let out = frame(1, Some(2), 60);
    for _ in 0..3 {
        let sent = fill(&mut near, &out)?;
        ensure!(matches!(sent, Sent::Busy { .. }), "{sent:?}");
        let waiting = count(&far);
        ensure!(waiting > 1, "{waiting} frames were there");
        near.send(&out)?;
        let more = count(&far);
        ensure!(more == 1, "{more} frames instead of 1");
    }
    expect_passage(&mut near, &far)
}

/// One receiver without room does not make the others get a frame again.
fn groups_get_it_once(world: &World) -> Outcome {
    for kind in ["hub", "bridge"] {
        let name = unique();
        let mut full = world.far()?;
        full.make_peer(".:", kind, "x", "link1")?;
        full.name_node("x", &name)?;
        full.set_buffers(0, SMALL)?;
        let mut near = Active::new(world, &format!("netgraph:{name}:?peerhook=link2"))?;
        let mut third = world.far()?;
        third.connect(".:", &format!("{name}:"), "x", "link3")?;
        third.set_buffers(0, 1 << 20)?;
        let out = frame(1, None, 60);
        let mut dropped = 0;
        let sends = 400;
        for _ in 0..sends {
            match near.try_send(&out)? {
                Sent::Queued => {}
                NO_ROOM => dropped += 1,
                other => {
                    return Err(net_backend_core::testing::Failure::new(format!(
                        "{other:?}"
                    )));
                }
            }
        }
        for _ in 0..sends {
            same(&receive(&third)?, &out)?;
        }
        let again = count(&third);
        ensure!(again == 0, "{kind}: {again} frames arrived twice");
        ensure!(count(&full) < sends, "{kind}: the full one got all");
        // A bridge that learns has frames wait, and their senders do not hear what became of them.
        let is_heard = dropped > 0 || kind == "bridge";
        ensure!(is_heard, "{kind}: nobody was full");
    }
    Ok(())
}

/// What finds the receive buffer full is lost; the rest is whole and in order.
fn received_in_vain(world: &World) -> Outcome {
    let far = world.far()?;
    let uri = format!("netgraph:[{:x}]:?peerhook=x&rcvbuf=4096", far.id());
    let mut near = Active::new(world, &uri)?;
    let mut taken = Vec::new();
    for number in 0..200 {
        let sent = frame(number, Some(1), 100);
        match far.send(None, &sent) {
            Ok(()) => taken.push(sent),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let count = taken.len();
    ensure!(count > 0 && count < 200, "{count} frames were taken");
    for sent in &taken {
        near.expect(sent)?;
    }
    near.expect_nothing()?;
    expect_passage(&mut near, &far)
}
