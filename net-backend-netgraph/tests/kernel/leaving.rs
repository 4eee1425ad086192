//! Hooks and nodes that go away.

use std::time::{Duration, Instant};

use net_backend_core::testing::{Edge, Failure, ready};
use net_backend_core::{Event, LinkState, NetBackend, RxSlice};

use crate::common::world::{World, unique};
use crate::support::{Active, Case, LINK_DOWN, Outcome, PATIENCE, ensure, expect_passage, frame};

pub(crate) const CASES: &[Case] = &[
    Case::new("linger/reconnected", reconnected),
    Case::new("linger/node-shut-down", lingering_node_shut_down),
    Case::new("gone/hook-removed", hook_removed),
    Case::new("gone/hook-removed-while-active", hook_removed_while_active),
    Case::new("gone/peer-leaves", peer_leaves),
    Case::new("gone/node-shut-down", node_shut_down),
    Case::new("gone/wakes-by-edge", wakes_by_edge),
    Case::new("gone/event", event),
    Case::new("gone/with-frames-waiting", with_frames_waiting),
];

/// The link is down until another program connects it again.
fn reconnected(world: &World) -> Outcome {
    let ours = unique();
    let far = world.far()?;
    let path = format!("[{:x}]:", far.id());
    let uri = format!("netgraph:{path}?peerhook=x&linger=on&socket={ours}");
    let mut near = Active::new(world, &uri)?;
    expect_passage(&mut near, &far)?;
    let mut other = world.far()?;
    for _ in 0..3 {
        other.remove_hook(&format!("{ours}:"), "vmlink")?;
        for _ in 0..3 {
            near.expect_sent(&frame(1, Some(2), 60), LINK_DOWN)?;
        }
        near.expect_nothing()?;
        other.connect(&format!("{ours}:"), &path, "vmlink", "x")?;
        expect_passage(&mut near, &far)?;
    }
    Ok(())
}

fn lingering_node_shut_down(world: &World) -> Outcome {
    let ours = unique();
    let uri = format!("netgraph:?mkpeer=echo&linger=on&socket={ours}");
    let mut near = Active::new(world, &uri)?;
    world.far()?.shut_down(&format!("{ours}:"))?;
    expect_gone(&mut near)
}

fn hook_removed(world: &World) -> Outcome {
    let ours = unique();
    let uri = format!("netgraph:?mkpeer=echo&socket={ours}");
    let mut near = Active::new(world, &uri)?;
    world.far()?.remove_hook(&format!("{ours}:"), "vmlink")?;
    expect_gone(&mut near)
}

/// Somebody sleeps in poll(2) when it happens.
fn hook_removed_while_active(world: &World) -> Outcome {
    let ours = unique();
    let uri = format!("netgraph:?mkpeer=echo&socket={ours}");
    let mut near = Active::new(world, &uri)?;
    let mut other = world.far()?;
    std::thread::scope(|scope| {
        let rx = &mut near.pair.rx;
        let sleeper = scope.spawn(move || ready(rx.source(), PATIENCE));
        std::thread::sleep(Duration::from_millis(50));
        other.remove_hook(&format!("{ours}:"), "vmlink")?;
        let woken = sleeper.join().map_err(|_| Failure::new("it panicked"))??;
        ensure!(woken, "the sleeper was not woken");
        Ok::<_, Failure>(())
    })?;
    expect_gone(&mut near)
}

fn peer_leaves(world: &World) -> Outcome {
    let far = world.far()?;
    let mut near = Active::new(world, &format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    drop(far);
    expect_gone(&mut near)
}

fn node_shut_down(world: &World) -> Outcome {
    let name = unique();
    let mut near = Active::new(world, &format!("netgraph:{name}?mkpeer=hub"))?;
    world.far()?.shut_down(&format!("{name}:"))?;
    expect_gone(&mut near)?;
    ensure!(
        near.backend
            .activate(&net_backend_core::Activation::plain())
            .is_err(),
        "active again"
    );
    Ok(())
}

/// Somebody waits with epoll or kqueue, edge-triggered.
fn wakes_by_edge(world: &World) -> Outcome {
    let far = world.far()?;
    let mut near = Active::new(world, &format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    near.expect_nothing()?;
    let edge = Edge::new(near.pair.rx.source())?;
    let _at_first = edge.wait(Duration::ZERO)?;
    drop(far);
    ensure!(edge.wait(PATIENCE)?, "no edge when the node went");
    expect_gone(&mut near)
}

fn event(world: &World) -> Outcome {
    let far = world.far()?;
    let mut near = Active::new(world, &format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    ensure!(near.backend.next_event().is_none(), "an event at first");
    drop(far);
    let source = near.backend.events();
    let source = source.ok_or_else(|| Failure::new("it has no events"))?;
    ensure!(ready(source, PATIENCE)?, "not woken for the event");
    let event = near.backend.next_event();
    ensure!(event == Some(Event::Gone), "the event is {event:?}");
    let link = near.backend.link();
    ensure!(link == LinkState::Down, "the link is {link:?}");
    expect_gone(&mut near)
}

/// What was there before the end can be received.
fn with_frames_waiting(world: &World) -> Outcome {
    let far = world.far()?;
    let mut near = Active::new(world, &format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    let sent = frame(2, Some(1), 100);
    far.send(None, &sent)?;
    drop(far);
    let mut buffer = vec![0; 2048];
    let received = near.pair.rx.recv(&mut [RxSlice::new(&mut buffer)]);
    if let Ok(Some(received)) = received {
        crate::support::same(&buffer[..received.length], &sent)?;
    }
    expect_gone(&mut near)
}

/// Both halves say that it is gone, whoever is first, and go on saying so.
pub(crate) fn expect_gone(active: &mut Active) -> Outcome {
    let mut buffer = vec![0; 2048];
    let deadline = Instant::now() + PATIENCE;
    loop {
        ensure!(
            ready(active.pair.rx.source(), PATIENCE)?,
            "not woken for the end"
        );
        match active.pair.rx.recv(&mut [RxSlice::new(&mut buffer)]) {
            Err(error) if error.is_gone() => break,
            Err(error) => return Err(error.into()),
            Ok(_) => ensure!(Instant::now() < deadline, "still receives"),
        }
    }
    for _ in 0..3 {
        let sent = active.try_send(&frame(1, None, 60));
        ensure!(
            sent.as_ref().is_err_and(net_backend_core::Error::is_gone),
            "gone, and send says {sent:?}"
        );
        let peeked = active.pair.rx.peek();
        ensure!(
            peeked.as_ref().is_err_and(net_backend_core::Error::is_gone),
            "gone, and peek says {peeked:?}"
        );
    }
    Ok(())
}
