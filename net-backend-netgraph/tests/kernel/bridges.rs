//! `bridge=NAME`.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Barrier};

use net_backend_core::testing::Failure;
use net_backend_core::{Event, NetBackend};
use net_backend_netgraph::Netgraph;

use crate::common::world::{World, unique};
use crate::support::{Active, Case, Outcome, ensure, expect_exchange, expect_refusal};

pub(crate) const CASES: &[Case] = &[
    Case::new("bridge/made-and-reused", made_and_reused),
    Case::new("bridge/goes-with-its-last-link", goes_with_its_last_link),
    Case::new("bridge/persists", persists),
    Case::new("bridge/gaps-are-filled", gaps_are_filled),
    Case::new("bridge/two-openers", two_openers),
    Case::new("bridge/many-openers", many_openers),
    Case::new("bridge/another-type", another_type),
    Case::new("bridge/shut-down", shut_down),
];

fn made_and_reused(world: &World) -> Outcome {
    let name = unique();
    let uri = format!("netgraph:?bridge={name}");
    let mut one = Active::new(world, &uri)?;
    let mut other = Active::new(world, &uri)?;
    let links = [one.peer_hook()?, other.peer_hook()?];
    ensure!(links == ["link0", "link1"], "the links are {links:?}");
    let hooks = world.hooks(&name)?;
    ensure!(hooks.len() == 2, "the bridge has hooks {hooks:?}");
    let peer = one.backend.peer().map(|it| it.peer.type_name.to_string());
    ensure!(peer.as_deref() == Some("bridge"), "the peer is a {peer:?}");
    expect_exchange(&mut one, &mut other)
}

fn goes_with_its_last_link(world: &World) -> Outcome {
    let before = world.nodes()?;
    let backend = world.open(&format!("netgraph:?bridge={}", unique()))?;
    drop(backend);
    world.expect_nodes(&before)
}

fn persists(world: &World) -> Outcome {
    let name = unique();
    let mut nodes = world.nodes()?;
    let uri = format!("netgraph:?bridge={name}&persist=on");
    drop(world.open(&uri)?);
    nodes.insert(format!("{name} bridge"));
    world.expect_nodes(&nodes)?;
    drop(Active::new(world, &uri)?);
    world.expect_nodes(&nodes)?;
    Ok(world.far()?.shut_down(&format!("{name}:"))?)
}

fn gaps_are_filled(world: &World) -> Outcome {
    let uri = format!("netgraph:?bridge={}", unique());
    let _first = Active::new(world, &uri)?;
    let second = Active::new(world, &uri)?;
    let _third = Active::new(world, &uri)?;
    drop(second);
    let link = Active::new(world, &uri)?.peer_hook()?;
    ensure!(link == "link1", "the link is {link}");
    Ok(())
}

fn two_openers(world: &World) -> Outcome {
    for _ in 0..20 {
        openers(world, 2)?;
    }
    Ok(())
}

fn many_openers(world: &World) -> Outcome {
    openers(world, 200)
}

/// Opens a bridge that is not there from so many threads at the same time.
fn openers(world: &World, count: usize) -> Outcome {
    let name = unique();
    let uri = format!("netgraph:?bridge={name}&sndbuf=4096&rcvbuf=4096");
    let start = Arc::new(Barrier::new(count));
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let (world, uri, start) = (world.clone(), uri.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                world.open(&uri)
            })
        })
        .collect();
    let opened: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
    let mut backends = Vec::new();
    for result in opened {
        backends.push(result.map_err(|_| Failure::new("an opener panicked"))??);
    }
    let links = backends.iter().filter_map(Netgraph::peer);
    let links: BTreeSet<_> = links.map(|peer| peer.peer_hook.to_string()).collect();
    ensure!(links.len() == count, "{count} have links {links:?}");
    let peers = backends.iter().filter_map(Netgraph::peer);
    let bridges: HashSet<_> = peers.map(|peer| peer.peer.id).collect();
    ensure!(bridges.len() == 1, "they are at the bridges {bridges:?}");
    let hooks = world.hooks(&name)?.len();
    ensure!(hooks == count, "{count} openers, {hooks} hooks");
    Ok(())
}

fn another_type(world: &World) -> Outcome {
    let name = unique();
    let _hub = world.open(&format!("netgraph:{name}?mkpeer=hub"))?;
    let words = [name.as_str(), "hub", "bridge="];
    expect_refusal(world, &format!("netgraph:?bridge={name}"), &words)
}

fn shut_down(world: &World) -> Outcome {
    let name = unique();
    let mut active = Active::new(world, &format!("netgraph:?bridge={name}&persist=on"))?;
    world.far()?.shut_down(&format!("{name}:"))?;
    crate::leaving::expect_gone(&mut active)?;
    let event = active.backend.next_event();
    ensure!(event == Some(Event::Gone), "the event is {event:?}");
    Ok(())
}
