use std::io;
use std::sync::Arc;

use net_backend_core::{Interest, Source};

use crate::gate::Control;
use crate::sys::PollSet;

/// What a receive half waits for: the descriptor of its ring, or one that stands for several.
#[derive(Debug)]
pub(crate) enum Waiting {
    One(Arc<dyn Control>),
    Several(
        PollSet,
        #[expect(dead_code, reason = "watched by the set")] Vec<Arc<dyn Control>>,
    ),
}

impl Waiting {
    /// For the rings bound to `controls`.
    pub(crate) fn new(controls: Vec<Arc<dyn Control>>) -> io::Result<Self> {
        if let [control] = controls.as_slice() {
            return Ok(Self::One(Arc::clone(control)));
        }
        let descriptors = controls.iter().map(|control| control.receive_source());
        let set = PollSet::new(&descriptors.collect::<Vec<_>>(), Interest::Readable)?;
        Ok(Self::Several(set, controls))
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            descriptor: match self {
                Self::One(control) => control.receive_source(),
                Self::Several(set, _) => set.source(),
            },
            interest: Interest::Readable,
        }
    }

    /// After everything was taken: whether a wait will sleep until something comes.
    pub(crate) fn settle(&self) -> io::Result<bool> {
        match self {
            Self::One(_) => Ok(true),
            Self::Several(set, _) => Ok(!set.settle()?),
        }
    }
}
