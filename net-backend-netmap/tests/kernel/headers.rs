//! The virtio-net header of VALE ports: set, read back, and left as it was.

use net_backend_core::{Activation, Features, HeaderLength, NetBackend};
use net_backend_netmap::control::ControlDevice;

use crate::common;
use crate::support::{Case, Outcome, ensure, open_netmap};
use crate::sys::RawPort;

pub(crate) const CASES: &[Case] = &[
    Case::new("headers/set-at-activation", set_at_activation),
    Case::new("headers/probing-changes-nothing", probing_changes_nothing),
    Case::new("headers/restored", restored),
    Case::new("headers/not-on-pipes", not_on_pipes),
];

const OFFLOADED: Activation = Activation {
    queue_pairs: 1,
    header: HeaderLength::Twelve,
    features: Features::CSUM,
};

/// A port that somebody else has open as well, with a header that somebody has set.
struct Held {
    control: ControlDevice,
    port: String,
    _holder: RawPort,
}

impl Held {
    fn new(header: HeaderLength) -> Outcome<Self> {
        let port = format!("vale{}:p", common::unique());
        let holder = RawPort::open(&port)?;
        let control = ControlDevice::open()?;
        control.set_header_length(&port, header)?;
        Ok(Self {
            control,
            port,
            _holder: holder,
        })
    }

    fn expect(&self, expected: u32, when: &str) -> Outcome {
        let length = self.control.header_length(&self.port)?;
        ensure!(length == expected, "{when} the header has {length} bytes");
        Ok(())
    }
}

fn set_at_activation() -> Outcome {
    let id = common::unique();
    let port = format!("vale{id}:p");
    let mut backend = open_netmap(&port)?;
    let control = ControlDevice::open()?;
    for (header, bytes) in [(HeaderLength::Ten, 10), (HeaderLength::Twelve, 12)] {
        let with = Activation {
            header,
            ..OFFLOADED
        };
        drop(backend.activate(&with)?);
        let found = control.header_length(&port)?;
        ensure!(
            found == bytes,
            "{found} bytes after {header} were asked for"
        );
    }
    drop(backend.activate(&Activation::plain())?);
    let found = control.header_length(&port)?;
    // A switch makes segments for the port by what it went by with a header, so that it keeps one.
    ensure!(
        found == 12,
        "{found} bytes without offloads, after there was a header"
    );
    let plain = format!("{port}2");
    let mut backend = open_netmap(&plain)?;
    drop(backend.activate(&Activation::plain())?);
    let found = control.header_length(&plain)?;
    ensure!(found == 0, "{found} bytes without offloads");
    Ok(())
}

fn probing_changes_nothing() -> Outcome {
    let held = Held::new(HeaderLength::Ten)?;
    for options in ["", "?vnet-hdr=on", "?vnet-hdr=off"] {
        let backend = open_netmap(&format!("{}{options}", held.port))?;
        held.expect(10, "after opening")?;
        let features = backend.capabilities().features;
        let is_off = options.ends_with("off");
        ensure!(features.is_empty() == is_off, "{options} offers {features}");
        drop(backend);
        held.expect(10, "after closing")?;
    }
    Ok(())
}

fn restored() -> Outcome {
    let held = Held::new(HeaderLength::Ten)?;
    let mut backend = open_netmap(&held.port)?;
    let pairs = backend.activate(&OFFLOADED)?;
    held.expect(12, "while active")?;
    drop(pairs);
    drop(backend);
    held.expect(10, "after closing")?;
    let mut backend = open_netmap(&format!("{}?vnet-hdr=off", held.port))?;
    drop(backend.activate(&Activation::plain())?);
    held.expect(0, "while active without")?;
    drop(backend);
    held.expect(10, "after closing")
}

fn not_on_pipes() -> Outcome {
    let id = common::unique();
    let mut backend = open_netmap(&format!("vale{id}:b{{1"))?;
    let features = backend.capabilities().features;
    ensure!(features.is_empty(), "a pipe offers {features}");
    ensure!(backend.activate(&OFFLOADED).is_err(), "a pipe has offloads");
    Ok(())
}
