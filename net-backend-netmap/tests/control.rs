//! Wiring of ports, on the model of a kernel and, where there is one, on the real kernel.
#![cfg(feature = "testing")]

use net_backend_core::{ErrorKind, HeaderLength, Result};
use net_backend_netmap::control::{
    AttachedRings, ControlDevice, InterfaceShape, PollingThreads, RingShape, Switch,
};
use net_backend_netmap::testing::{Model, Settings};
use net_backend_tap::testing::Interface;
use net_backend_tap::{Tap, TapConfig, TapTarget};

/// Begins the names of interfaces and switches; nothing else on the machine is called so.
const PERSISTENT: &str = "nbctl1";
const SWITCH: &str = "vale_nbctl";

/// A tap, which has to be called so on FreeBSD.
fn interface() -> &'static str {
    match std::env::consts::OS {
        "freebsd" => "tap31990",
        _ => "nbctl0",
    }
}

#[test]
fn persistent_interfaces_of_the_model_are_wired() {
    let model = Model::new(Settings::default()).unwrap();
    model.wire([interface(), "nbctl9"], 1, 256);
    let netmap = ControlDevice::of_model(&model).unwrap();
    assert_eq!(netmap.switches().unwrap(), []);
    // The model puts no NICs into switches.
    make_and_delete(&netmap).unwrap();
}

#[test]
fn ports_of_the_real_kernel_are_wired() {
    let netmap = match ControlDevice::open() {
        Ok(netmap) => netmap,
        Err(error) => {
            let required = std::env::var("NET_BACKEND_REQUIRE").unwrap_or_default();
            assert!(
                !required.split(',').any(|it| it == "netmap" || it == "all"),
                "{error}"
            );
            println!("skipped: {error}");
            return;
        }
    };
    let tap = TapConfig::new(TapTarget::Name(interface().to_owned()));
    let tap = Tap::open(&tap).unwrap();
    attach_and_detach(&netmap).unwrap();
    make_and_delete(&netmap).unwrap();
    drop(tap);
    // On Linux it went with its user.
    let _gone = Interface::named(interface()).delete();
}

/// The names and numbers of the ports of our switch.
fn ports(netmap: &ControlDevice) -> Result<Vec<(String, u32)>> {
    let switches = netmap.switches()?;
    let is_ours = |switch: &&Switch| switch.name.as_deref() == Some(SWITCH);
    let ports = switches.iter().filter(is_ours).flat_map(|it| &it.ports);
    Ok(ports.map(|port| (port.name.clone(), port.index)).collect())
}

fn attach_and_detach(netmap: &ControlDevice) -> Result<()> {
    let interface = interface();
    let port = format!("{SWITCH}:{interface}");
    let host = format!("{port}^");
    let info = netmap.port_info(interface)?;
    assert!(info.transmit.rings > 0 && info.receive.slots > 0 && info.host_receive_rings > 0);
    assert_eq!((info.memory, netmap.header_length(interface)?), (1, 0));

    for (rings, names) in [
        (AttachedRings::Nic, vec![port.clone()]),
        (AttachedRings::NicAndHost, vec![port.clone(), host]),
    ] {
        let index = netmap.attach(&port, rings)?;
        let found = ports(netmap)?;
        assert_eq!(found.first(), Some(&(port.clone(), index)));
        assert!(found.into_iter().map(|(name, _)| name).eq(names));

        for switch in [SWITCH, "vale_nbctl2"] {
            let again = netmap.attach(&format!("{switch}:{interface}"), rings);
            assert_eq!(kind(again), Some(ErrorKind::InUse));
        }

        assert_eq!(netmap.detach(&port)?, index);
        assert_eq!(ports(netmap)?, []);
        assert!(netmap.detach(&port).is_err());
    }
    let polling = netmap.start_polling(&port, PollingThreads::One { cpu: 0 });
    assert!(text(polling).contains("not attached"));
    assert!(
        netmap
            .attach(&format!("{SWITCH}:nbctl8"), AttachedRings::Nic)
            .is_err()
    );
    Ok(())
}

fn make_and_delete(netmap: &ControlDevice) -> Result<()> {
    let ring = |rings, slots| RingShape { rings, slots };
    let wanted = InterfaceShape {
        transmit: ring(2, 128),
        receive: ring(99, 0),
        memory: 0,
    };
    let made = netmap.create_interface(PERSISTENT, &wanted)?;
    assert_eq!(
        (made.transmit, made.receive),
        (ring(2, 128), ring(16, 1024))
    );
    assert!(made.memory > 1, "a region of its own");
    assert!(netmap.create_interface(PERSISTENT, &wanted).is_err());

    let port = format!("{SWITCH}:{PERSISTENT}");
    let index = netmap.attach(&port, AttachedRings::Nic)?;
    assert_eq!(ports(netmap)?, [(port.clone(), index)]);
    let busy = netmap.delete_interface(PERSISTENT);
    assert_eq!(kind(busy), Some(ErrorKind::InUse));
    for length in [HeaderLength::Twelve, HeaderLength::Ten, HeaderLength::None] {
        netmap.set_header_length(&port, length)?;
        let bytes = usize::try_from(netmap.header_length(&port)?);
        assert_eq!(bytes, Ok(length.bytes()));
    }
    assert_eq!(netmap.detach(&port)?, index);

    netmap.delete_interface(PERSISTENT)?;
    assert!(netmap.delete_interface(PERSISTENT).is_err());
    let other = netmap.delete_interface(interface());
    assert!(text(other).contains("not made as a persistent"));
    Ok(())
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn text<T>(result: Result<T>) -> String {
    result
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}
