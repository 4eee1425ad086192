//! Fixtures of the conformance suite.

use std::time::Duration;

use super::super::case::{Outcome, Unavailable};
use super::{FarEnd, Opened, Shape, Subject};
use crate::VirtioNetHeader;
use crate::testing::{self, Failure, Peer, Rig, RigTraits};

impl Subject {
    /// A backend as the conformance suite opens it, under the name of its rig.
    ///
    /// Rigs whose frames go nowhere, or come back only as answers to pings, are left out.
    pub fn rig(rig: impl Rig + 'static) -> Self {
        let name = rig.name().to_owned();
        Self::backend(name, move |shape| {
            let traits = rig.traits();
            check(shape, &traits)?;
            let testing::Opened { backend, peer } = rig.open().map_err(broken)?;
            let mut frame = shape.frame();
            let receiver = traits.receiver.bytes();
            let to = frame.iter_mut().zip(receiver);
            to.for_each(|(to, octet)| *to = octet);
            let far = RigEnd {
                peer,
                header: shape.header(),
                frame: frame.clone(),
            };
            let opened = match traits.path {
                testing::Path::Echo => Opened::echo(backend),
                _ => Opened::new(backend, far),
            };
            Ok(opened.with_frame(frame).with_burst(traits.window))
        })
    }
}

fn check(shape: Shape, traits: &RigTraits) -> Result<(), Unavailable> {
    let path = match traits.path {
        testing::Path::Wire | testing::Path::Echo => None,
        testing::Path::Ping(_) => Some("its far end only answers pings"),
        testing::Path::Nowhere => Some("nobody is at its far end"),
    };
    if let Some(reason) = path {
        return Err(Unavailable::new(reason));
    }
    let length = shape.length();
    let missing = shape.features().difference(traits.offloads);
    let reason = match shape {
        Shape::Plain(_) if length < traits.min_frame || length > traits.max_frame => {
            let (shortest, longest) = (traits.min_frame, traits.max_frame);
            format!("its frames have {shortest} to {longest} bytes")
        }
        // What comes back needs nobody who sees it.
        Shape::Super if !missing.is_empty() && traits.path == testing::Path::Wire => {
            format!("its far end sees no {missing}")
        }
        _ => return Ok(()),
    };
    Err(Unavailable::new(reason))
}

/// A peer of the suite.
struct RigEnd {
    peer: Box<dyn Peer>,
    header: VirtioNetHeader,
    frame: Vec<u8>,
}

impl FarEnd for RigEnd {
    fn send(&mut self, count: usize) -> Outcome<usize> {
        let mut sent = 0;
        while sent < count
            && self
                .peer
                .send(0, &self.header, &self.frame)
                .map_err(broken)?
        {
            sent += 1;
        }
        Ok(sent)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        let mut count = 0;
        while let Some(seen) = self.peer.recv(Duration::ZERO).map_err(broken)? {
            count += usize::from(seen.bytes.len() == self.frame.len());
        }
        Ok(count)
    }
}

fn broken(failure: Failure) -> String {
    failure.message().to_owned()
}
