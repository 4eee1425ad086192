//! What cannot be opened says why, and changes nothing.

use net_backend_core::ErrorKind;

use crate::common::world::{World, unique};
use crate::support::{Case, Outcome, ensure, expect_refusal, refused};

pub(crate) const CASES: &[Case] = &[
    Case::new("refused/no-such-node", no_such_node),
    Case::new("refused/no-such-number", no_such_number),
    Case::new("refused/hook-taken", hook_taken),
    Case::new("refused/link-taken", link_taken),
    Case::new("refused/no-link", no_link),
    Case::new("refused/queues", queues),
];

fn no_such_node(world: &World) -> Outcome {
    let uri = format!("netgraph:{}:?peerhook=lower", unique());
    let error = refused(world, &uri)?;
    ensure!(error.kind() == ErrorKind::NotFound, "{error}");
    expect_refusal(world, &uri, &["NGM_CONNECT", "ngctl list"])
}

fn no_such_number(world: &World) -> Outcome {
    let error = refused(world, "netgraph:[7ffffff0]:?peerhook=lower")?;
    ensure!(error.kind() == ErrorKind::NotFound, "{error}");
    Ok(())
}

fn hook_taken(world: &World) -> Outcome {
    let name = unique();
    let _first = world.open(&format!("netgraph:{name}?mkpeer=hub&peerhook=x"))?;
    let uri = format!("netgraph:{name}:?peerhook=x");
    expect_refusal(world, &uri, &["NGM_CONNECT", "connected already"])
}

fn link_taken(world: &World) -> Outcome {
    let name = unique();
    let _first = world.open(&format!("netgraph:?bridge={name}"))?;
    let uri = format!("netgraph:{name}:?peerhook=link0");
    expect_refusal(world, &uri, &["NGM_CONNECT", "connected already"])
}

fn no_link(world: &World) -> Outcome {
    let name = unique();
    let _first = world.open(&format!("netgraph:?bridge={name}"))?;
    let uri = format!("netgraph:{name}:?peerhook=nolink");
    expect_refusal(world, &uri, &["NGM_CONNECT", "link0"])
}

fn queues(world: &World) -> Outcome {
    let uri = format!("netgraph:?bridge={}&queues=2", unique());
    let error = refused(world, &uri)?;
    ensure!(error.kind() == ErrorKind::Config, "{error}");
    Ok(())
}
