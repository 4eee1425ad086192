//! Modules that are not loaded, privileges that are not there, and calls that fail: on the model only.

use net_backend_core::testing::Failure;
use net_backend_netgraph::testing::{Call, Model, Settings};

use crate::common::nic::Nic;
use crate::common::world::{World, unique};
use crate::support::{Case, Outcome, ensure, expect_refusal};

pub(crate) const CASES: &[Case] = &[
    Case::new("modules/socket-is-loaded", socket_is_loaded),
    Case::new("modules/socket-may-not-be", socket_may_not_be),
    Case::new("modules/socket-is-nowhere", socket_is_nowhere),
    Case::new("modules/ether-is-loaded", ether_is_loaded),
    Case::new("modules/ether-may-not-be", ether_may_not_be),
    Case::new("modules/type-may-not-be", type_may_not_be),
    Case::new("modules/no-privilege", no_privilege),
    Case::new("modules/nothing-stays-after-a-failure", nothing_stays),
];

fn configured(world: &World, change: impl FnOnce(&mut Settings)) -> Outcome<&Model> {
    match world {
        World::Model(model) => {
            model.configure(change);
            Ok(model)
        }
        World::System => Err(Failure::new("this is about a model")),
    }
}

fn socket_is_loaded(world: &World) -> Outcome {
    let model = configured(world, |settings| settings.loaded.clear())?;
    drop(world.open("netgraph:?mkpeer=echo")?);
    let loads = model.counts().of(Call::Load);
    ensure!(loads == 1, "kldload was called {loads} times");
    Ok(())
}

fn socket_may_not_be(world: &World) -> Outcome {
    configured(world, |settings| {
        settings.loaded.clear();
        settings.may_load = false;
    })?;
    let words = ["kldload ng_socket", "root"];
    expect_refusal(world, "netgraph:?mkpeer=echo", &words)
}

fn socket_is_nowhere(world: &World) -> Outcome {
    configured(world, |settings| {
        settings.loaded.clear();
        settings.loadable.clear();
    })?;
    let words = ["ng_socket", "install"];
    expect_refusal(world, "netgraph:?mkpeer=echo", &words)
}

fn without_ether(settings: &mut Settings) {
    settings.loaded.retain(|name| name != "ng_ether");
}

fn ether_is_loaded(world: &World) -> Outcome {
    let model = configured(world, without_ether)?;
    let nic = Nic::wired(world)?;
    drop(world.open(&format!("netgraph:{}:?peerhook=lower", nic.name()))?);
    let loads = model.counts().of(Call::Load);
    ensure!(loads == 1, "kldload was called {loads} times");
    Ok(())
}

fn ether_may_not_be(world: &World) -> Outcome {
    configured(world, |settings| {
        without_ether(settings);
        settings.may_load = false;
        settings.loaded.push("ng_bridge".to_owned());
    })?;
    let nic = Nic::wired(world)?;
    let name = nic.name();
    for uri in [
        format!("netgraph:{name}:?peerhook=lower"),
        format!("netgraph:?bridge={}&uplink={name}", unique()),
    ] {
        expect_refusal(world, &uri, &["kldload ng_ether"])?;
    }
    Ok(())
}

fn type_may_not_be(world: &World) -> Outcome {
    configured(world, |settings| settings.may_load = false)?;
    let uri = format!("netgraph:?bridge={}", unique());
    expect_refusal(world, &uri, &["NGM_MKPEER", "kldload ng_"])
}

fn no_privilege(world: &World) -> Outcome {
    configured(world, |settings| settings.privileged = false)?;
    let uri = format!("netgraph:?bridge={}", unique());
    expect_refusal(world, &uri, &["only root"])
}

/// Whichever of its calls fails: either it is opened all the same, or all nodes are as they were.
fn nothing_stays(_: &World) -> Outcome {
    let mut left = Vec::new();
    for wiring in [
        "?bridge=br0&uplink=em0&persist=on&socket=ours",
        "?mkpeer=eiface",
        "made?mkpeer=hub",
        "em0:?peerhook=lower",
    ] {
        let uri = format!("netgraph:{wiring}");
        let model = with_interface();
        drop(World::Model(model.clone()).open(&uri)?);
        let counts = model.counts();
        for call in [
            Call::Control,
            Call::Data,
            Call::Bind,
            Call::Connect,
            Call::Tell,
            Call::Hear,
            Call::SetBuffers,
            Call::Limit,
        ] {
            for skip in 0..counts.of(call) {
                left.extend(left_by_failure(&uri, call, u32::try_from(skip)?)?);
            }
        }
    }
    ensure!(left.is_empty(), "{}", left.join("\n"));
    Ok(())
}

/// What is left of an opening of which this call failed, if anything.
fn left_by_failure(uri: &str, call: Call, skip: u32) -> Outcome<Option<String>> {
    let model = with_interface();
    let world = World::Model(model.clone());
    let before = world.nodes()?;
    model.fail(call, skip, 1, libc::ENOMEM);
    let Err(error) = world.open(uri) else {
        return Ok(None);
    };
    let after = world.nodes()?;
    let message = || format!("{uri}: {call:?} {skip}, {error}: {before:?} became {after:?}");
    Ok((after != before).then(message))
}

fn with_interface() -> Model {
    let model = Model::new();
    model.add_interface("em0");
    model
}
