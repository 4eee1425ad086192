//! `mkpeer=TYPE`, and nodes that are there already.

use net_backend_core::testing::Failure;

use crate::common::nic::Nic;
use crate::common::world::{World, unique};
use crate::support::{
    Active, Case, Outcome, PATIENCE, ensure, expect_exchange, expect_passage, expect_refusal,
    frame, same,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("mkpeer/named", named),
    Case::new("mkpeer/name-taken", name_taken),
    Case::new("mkpeer/interface", interface),
    Case::new("mkpeer/interface-named", interface_named),
    Case::new("mkpeer/interface-name-taken", interface_name_taken),
    Case::new("mkpeer/no-such-type", no_such_type),
    Case::new("mkpeer/hook-not-taken", hook_not_taken),
    Case::new("path/by-number", by_number),
    Case::new("path/along-a-hook", along_a_hook),
    Case::new("hook/named", hook_named),
    Case::new("socket/named", socket_named),
    Case::new("socket/name-taken", socket_name_taken),
];

fn named(world: &World) -> Outcome {
    for kind in ["hub", "bridge"] {
        let name = unique();
        let mut one = Active::new(world, &format!("netgraph:{name}?mkpeer={kind}"))?;
        let nodes = world.nodes()?;
        let node = format!("{name} {kind}");
        ensure!(nodes.contains(&node), "no {node} in {nodes:?}");
        let hook = one.peer_hook()?;
        ensure!(hook == "link0", "its hook is {hook}");
        let mut other = Active::new(world, &format!("netgraph:{name}:?peerhook=link5"))?;
        expect_exchange(&mut one, &mut other)?;
    }
    Ok(())
}

fn name_taken(world: &World) -> Outcome {
    let name = unique();
    let mut far = world.far()?;
    far.name(&name)?;
    for kind in ["hub", "bridge", "echo"] {
        let uri = format!("netgraph:{name}?mkpeer={kind}");
        expect_refusal(world, &uri, &["NGM_NAME", &name])?;
    }
    Ok(())
}

/// What the guest sends comes to the host by the new interface.
fn interface(world: &World) -> Outcome {
    let before = world.nodes()?;
    let mut guest = Active::new(world, "netgraph:?mkpeer=eiface")?;
    let node = guest.backend.peer().and_then(|peer| peer.peer.name.clone());
    let node = node.ok_or_else(|| Failure::new("an interface without name"))?;
    let mut host = Nic::host_of(world, node.as_str())?;
    let out = frame(1, None, 60);
    guest.send(&out)?;
    let seen = host.receive(PATIENCE)?;
    let seen = seen.ok_or_else(|| Failure::new("the host received nothing"))?;
    same(&seen, &out)?;
    let back = frame(2, Some(1), 1514);
    ensure!(host.send(&back)?, "no room at the host");
    guest.expect(&back)?;
    drop((host, guest));
    // Interfaces stay.
    world.far()?.shut_down(&format!("{node}:"))?;
    world.expect_nodes(&before)
}

fn interface_named(world: &World) -> Outcome {
    let name = unique();
    let guest = world.open(&format!("netgraph:{name}?mkpeer=eiface"))?;
    let nodes = world.nodes()?;
    let node = format!("{name} eiface");
    ensure!(nodes.contains(&node), "no {node} in {nodes:?}");
    drop(guest);
    Ok(world.far()?.shut_down(&format!("{name}:"))?)
}

/// An interface would stay, with a name that nobody asked for.
fn interface_name_taken(world: &World) -> Outcome {
    let name = unique();
    let mut far = world.far()?;
    far.name(&name)?;
    expect_refusal(
        world,
        &format!("netgraph:{name}?mkpeer=eiface"),
        &["NGM_NAME"],
    )
}

fn no_such_type(world: &World) -> Outcome {
    let uri = "netgraph:?mkpeer=nosuchtype&peerhook=x";
    expect_refusal(world, uri, &["NGM_MKPEER", "ng_TYPE"])
}

fn hook_not_taken(world: &World) -> Outcome {
    for uri in [
        "netgraph:?mkpeer=bridge&peerhook=lower",
        "netgraph:?mkpeer=eiface&peerhook=lower",
    ] {
        expect_refusal(world, uri, &["NGM_MKPEER"])?;
    }
    Ok(())
}

fn by_number(world: &World) -> Outcome {
    let far = world.far()?;
    let mut near = Active::new(world, &format!("netgraph:[{:x}]:?peerhook=x", far.id()))?;
    expect_passage(&mut near, &far)
}

fn along_a_hook(world: &World) -> Outcome {
    let name = unique();
    let mut far = world.far()?;
    far.name(&name)?;
    far.make_peer(".:", "hub", "way", "in")?;
    let mut near = Active::new(world, &format!("netgraph:{name}:way?peerhook=out"))?;
    expect_passage(&mut near, &far)
}

fn hook_named(world: &World) -> Outcome {
    let (ours, name) = (unique(), unique());
    let uri = format!("netgraph:{name}?mkpeer=hub&hook=guest7&socket={ours}");
    let _near = Active::new(world, &uri)?;
    let hooks = world.hooks(&ours)?;
    let expected = [("guest7".to_owned(), "link0".to_owned())];
    ensure!(hooks == expected, "our hooks are {hooks:?}");
    Ok(())
}

fn socket_named(world: &World) -> Outcome {
    let ours = unique();
    let near = Active::new(world, &format!("netgraph:?mkpeer=echo&socket={ours}"))?;
    let nodes = world.nodes()?;
    let node = format!("{ours} socket");
    ensure!(nodes.contains(&node), "no {node} in {nodes:?}");
    drop(near);
    Ok(())
}

fn socket_name_taken(world: &World) -> Outcome {
    let ours = unique();
    let _near = Active::new(world, &format!("netgraph:?mkpeer=echo&socket={ours}"))?;
    let uri = format!("netgraph:?bridge={}&socket={ours}", unique());
    expect_refusal(world, &uri, &["bind", &ours, "take another"])
}
