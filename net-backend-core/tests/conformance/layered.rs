//! Backends with layers around their queue pairs.

use std::sync::Arc;

use net_backend_core::layers::{
    AcceptedOffloads, HoldNext, NativeTransmit, adapt_header, offload_transmit, soften_receive,
};
use net_backend_core::testing::{Failure, Opened, Path, Rig, RigTraits};
use net_backend_core::{
    Activation, BorrowedDescriptor, Capabilities, Error, Event, Features, HeaderLength, LinkState,
    NetBackend, QueuePair, Source, Uri, check_features,
};

/// Any rig with the header layer around its backend, which has headers of `native` length, and perhaps the layers
/// that do offloads in software.
pub(crate) struct LayeredRig<R> {
    pub(crate) name: &'static str,
    pub(crate) inner: R,
    pub(crate) native: HeaderLength,
    pub(crate) is_soft: bool,
}

impl<R: Rig> Rig for LayeredRig<R> {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        let mut traits = self.inner.traits();
        if self.is_soft {
            // What was sent is seen as it became.
            traits.offloads &= match traits.path {
                Path::Wire => Features::RECEIVE_OFFLOADS,
                Path::Nowhere | Path::Echo | Path::Ping(_) => Features::empty(),
            };
        }
        traits
    }

    fn open(&self) -> Result<Opened, Failure> {
        let Opened { backend, peer } = self.inner.open()?;
        let mut capabilities = backend.capabilities().clone();
        if self.native == HeaderLength::None {
            capabilities.features = Features::empty();
        }
        let backend = Box::new(Layered {
            backend,
            capabilities,
            native: self.native,
            header: HeaderLength::None,
            software: self.is_soft.then(Arc::default),
        });
        Ok(Opened { backend, peer })
    }
}

struct Layered {
    backend: Box<dyn NetBackend>,
    capabilities: Capabilities,
    native: HeaderLength,
    header: HeaderLength,
    software: Option<Arc<AcceptedOffloads>>,
}

/// Offloads in software, around a pair that the peer may send anything to and that does nothing itself.
fn softened(
    QueuePair { rx, tx }: QueuePair,
    accepted: &Arc<AcceptedOffloads>,
    native: HeaderLength,
    with: &Activation,
) -> QueuePair {
    let rx = soften_receive(HoldNext::new(rx), native, Arc::clone(accepted));
    let QueuePair { rx, tx } = adapt_header(QueuePair { rx, tx }, native, with.header);
    let native = NativeTransmit {
        header: with.header,
        features: Features::empty(),
    };
    let tx = offload_transmit(tx, native, with);
    QueuePair { rx, tx }
}

impl NetBackend for Layered {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>, Error> {
        with.check(&self.capabilities)?;
        let mut native = Activation {
            header: self.native,
            ..*with
        };
        if let Some(accepted) = &self.software {
            accepted.set(with.features);
            native.features = self.capabilities.features;
        }
        let pairs = self.backend.activate(&native)?.into_iter();
        self.header = with.header;
        let adapt = |pair| match &self.software {
            None => adapt_header(pair, self.native, with.header),
            Some(accepted) => softened(pair, accepted, self.native, with),
        };
        Ok(pairs.map(adapt).collect())
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<(), Error> {
        let features = features & Features::RECEIVE_OFFLOADS;
        check_features(features, self.header, &self.capabilities)?;
        match &self.software {
            None => self.backend.set_receive_offloads(features),
            Some(accepted) => {
                accepted.set(features);
                Ok(())
            }
        }
    }

    fn describe(&self) -> Uri {
        self.backend.describe()
    }

    fn link(&self) -> LinkState {
        self.backend.link()
    }

    fn events(&self) -> Option<Source<'_>> {
        self.backend.events()
    }

    fn next_event(&mut self) -> Option<Event> {
        self.backend.next_event()
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        self.backend.descriptors()
    }
}
