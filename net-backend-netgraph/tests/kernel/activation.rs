//! What a backend is once it is open.

use net_backend_core::testing::{Failure, closes_on_exec};
use net_backend_core::{Activation, Error, Features, NetBackend, Sent, TxSlice};

use crate::common::world::{World, unique};
use crate::support::{Active, Case, Outcome, ensure, expect_passage, frame, receive, same};

pub(crate) const CASES: &[Case] = &[
    Case::new("activation/once-at-a-time", once_at_a_time),
    Case::new(
        "activation/forgets-what-came-before",
        forgets_what_came_before,
    ),
    Case::new("activation/one-pair", one_pair),
    Case::new("activation/describes-itself", describes_itself),
    Case::new("activation/offloads", offloads),
    Case::new("activation/descriptors", descriptors),
    Case::new("activation/halves-outlive-it", halves_outlive_it),
];

fn once_at_a_time(world: &World) -> Outcome {
    let mut backend = world.open("netgraph:?mkpeer=echo")?;
    for _ in 0..3 {
        let pairs = backend.activate(&Activation::plain())?;
        let again = backend.activate(&Activation::plain());
        let is_active = matches!(again, Err(Error::Active { .. }));
        ensure!(is_active, "a second activation: {again:?}");
        drop(pairs);
    }
    Ok(())
}

fn forgets_what_came_before(world: &World) -> Outcome {
    let far = world.far()?;
    let mut backend = world.open(&format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    for _ in 0..2 {
        far.send(None, &frame(2, Some(1), 100))?;
        let mut near = Active::of(backend)?;
        near.expect_nothing()?;
        expect_passage(&mut near, &far)?;
        far.send(None, &frame(2, Some(1), 100))?;
        backend = near.backend;
    }
    Ok(())
}

fn one_pair(world: &World) -> Outcome {
    let mut backend = world.open("netgraph:?mkpeer=echo")?;
    let most = backend.capabilities().max_queue_pairs;
    ensure!(most == 1, "{most} queue pairs");
    let two = Activation {
        queue_pairs: 2,
        ..Activation::plain()
    };
    let refused = backend.activate(&two);
    let is_refused = matches!(refused, Err(Error::QueuePairs { .. }));
    ensure!(is_refused, "two queue pairs: {refused:?}");
    Ok(())
}

/// What it says of itself opens the same again.
fn describes_itself(world: &World) -> Outcome {
    let name = unique();
    let uri = format!("netgraph:?bridge={name}&mac=02:00:00:00:00:05");
    let one = world.open(&uri)?;
    let described = one.describe().to_string();
    ensure!(described == uri, "{described} instead of {uri}");
    let mac = one.capabilities().mac.map(|mac| mac.to_string());
    ensure!(mac.as_deref() == Some("02:00:00:00:00:05"), "{mac:?}");
    let _other = world.open(&described)?;
    let hooks = world.hooks(&name)?;
    ensure!(hooks.len() == 2, "{hooks:?}");
    Ok(())
}

fn offloads(world: &World) -> Outcome {
    let with = world.open("netgraph:?mkpeer=echo")?;
    let features = with.capabilities().features;
    ensure!(features.contains(Features::CSUM), "it offers {features}");
    let without = world.open("netgraph:?mkpeer=echo&offloads=off")?;
    let features = without.capabilities().features;
    ensure!(features.is_empty(), "it offers {features}");
    Ok(())
}

/// A data socket, and a control socket for events; no child inherits them.
fn descriptors(world: &World) -> Outcome {
    let backend = world.open("netgraph:?mkpeer=echo")?;
    let descriptors = backend.descriptors();
    // The system's kernel is told to shut the node down, by one more.
    let held = match world {
        World::System => 3,
        World::Model(_) => 2,
    };
    ensure!(descriptors.len() == held, "{descriptors:?}");
    for descriptor in descriptors {
        ensure!(closes_on_exec(descriptor)?, "{descriptor:?} is inherited");
    }
    Ok(())
}

/// A VMM may drop the backend first.
fn halves_outlive_it(world: &World) -> Outcome {
    let far = world.far()?;
    let mut backend = world.open(&format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    let pair = backend.activate(&Activation::plain())?.pop();
    let mut pair = pair.ok_or_else(|| Failure::new("no queue pair"))?;
    drop(backend);
    let out = frame(1, Some(2), 60);
    let sent = pair.tx.send(&[TxSlice::new(&out)])?;
    ensure!(sent == Sent::Queued, "{sent:?}");
    same(&receive(&far)?, &out)
}
