//! FreeBSD: epairs.

use std::io;
use std::thread::JoinHandle;

use net_backend_tap::testing::Interface;

pub(crate) fn is_supported() -> bool {
    true
}

/// The system chooses the names, and there is nothing to say about queues.
pub(crate) fn add_wire(_: [String; 2], _: u32) -> io::Result<[String; 2]> {
    let ends = Interface::add_epair()?;
    for end in &ends {
        end.disable_ipv6()?;
    }
    Ok(ends.map(|end| end.name().to_owned()))
}

/// Deletes an interface, whoever has it open.
pub(crate) fn delete(name: &str) -> Option<JoinHandle<()>> {
    let _gone = Interface::named(name).delete();
    None
}

pub(crate) fn forget(_: JoinHandle<()>) {}
