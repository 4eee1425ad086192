use std::sync::Arc;
use std::sync::atomic::Ordering;

use net_backend_core::offload::{Coalescer, Pushed};
use net_backend_core::{
    Counters, DropReason, Error, Features, FrameLength, HeaderLength, Interest, Result,
    Segmentation, Sent, Source, TxQueue, TxSlice, VirtioNetHeader, total_length,
};

use crate::network::{Locked, Network};
use crate::stack::Stack;
use crate::sys::EventBell;

/// The transmit half: coalesces segments, and gives what comes of it to libslirp.
pub(crate) struct Transmit {
    pub(crate) network: Arc<Network>,
    pub(crate) coalescer: Coalescer,
    pub(crate) header: HeaderLength,
    pub(crate) features: Features,
    /// The longest frames without and with segmentation, in bytes.
    pub(crate) longest: usize,
    pub(crate) longest_super_frame: usize,
    pub(crate) counters: Counters,
    /// libslirp was given something since the last flush.
    pub(crate) is_unsettled: bool,
    /// What to wait for; never needed, since libslirp takes everything.
    pub(crate) silence: EventBell,
    /// Held as long as the half lives.
    pub(crate) _active: Arc<()>,
}

impl Transmit {
    fn transmit(&mut self, frame: &[TxSlice<'_>], length: usize) -> Result<Sent> {
        let header = match self.check(frame, length) {
            Ok(header) => header,
            Err(reason) => return Ok(Sent::Dropped(reason)),
        };
        let mut submitter = Submitter::new(&self.network, &self.counters);
        let skip = self.header.bytes();
        let pushed = self
            .coalescer
            .push(frame, skip, &header, &mut |bytes, header| {
                submitter.submit(bytes, header);
            });
        let Ok(pushed) = pushed else {
            return Ok(Sent::Dropped(DropReason::Malformed));
        };
        self.is_unsettled |= submitter.has_submitted();
        let last = submitter.finish()?;
        // What was kept is not what was submitted last.
        match last {
            Some(reason) if pushed == Pushed::Kept => {
                self.counters.count_drop(reason);
                Ok(Sent::Queued)
            }
            Some(reason) => Ok(Sent::Dropped(reason)),
            None => Ok(Sent::Queued),
        }
    }

    /// The header of a frame that may be sent.
    fn check(&self, frame: &[TxSlice<'_>], length: usize) -> Result<VirtioNetHeader, DropReason> {
        let payload = length
            .checked_sub(self.header.bytes())
            .filter(|payload| *payload >= FrameLength::MIN.bytes())
            .ok_or(DropReason::Malformed)?;
        let header = VirtioNetHeader::sent(frame, self.header).ok_or(DropReason::Malformed)?;
        if !self.features.contains(header.transmit_features()) {
            return Err(DropReason::NotNegotiated);
        }
        let longest = match header.segmentation {
            Segmentation::None => self.longest,
            _ => self.longest_super_frame,
        };
        if payload > longest {
            return Err(DropReason::TooLong);
        }
        Ok(header)
    }
}

impl TxQueue for Transmit {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        if self.network.is_gone() {
            return Err(self.network.gone());
        }
        let sent = self.transmit(frame, length)?;
        Ok(self.counters.count_sent(length, sent))
    }

    fn flush(&mut self) -> Result<()> {
        if self.coalescer.is_empty() && !self.is_unsettled {
            return Ok(());
        }
        self.is_unsettled = false;
        let mut submitter = Submitter::new(&self.network, &self.counters);
        self.coalescer
            .flush(&mut |bytes, header| submitter.submit(bytes, header));
        if !self.network.thread_is_awake.load(Ordering::Relaxed) {
            submitter.with(Stack::settle_and_look);
        }
        if let Some(reason) = submitter.finish()? {
            self.counters.count_drop(reason);
        }
        Ok(())
    }

    fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.silence.descriptor(),
            interest: Interest::Readable,
        }
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

/// Gives frames to libslirp, and takes the lock for it once, when the first one comes.
struct Submitter<'n> {
    network: &'n Network,
    counters: &'n Counters,
    locked: Option<Locked<'n>>,
    failure: Option<Error>,
    /// What became of the last frame.
    last: Result<(), DropReason>,
}

impl<'n> Submitter<'n> {
    fn new(network: &'n Network, counters: &'n Counters) -> Self {
        Self {
            network,
            counters,
            locked: None,
            failure: None,
            last: Ok(()),
        }
    }

    fn has_submitted(&self) -> bool {
        self.locked.is_some()
    }

    fn submit(&mut self, frame: &mut [u8], header: VirtioNetHeader) {
        if let Err(reason) = self.last {
            self.counters.count_drop(reason);
        }
        let became = self.with(|stack| stack.submit(frame, header));
        self.last = became.unwrap_or(Ok(()));
    }

    /// Does something with the stack; a failure is told in the end.
    fn with<T>(&mut self, work: impl FnOnce(&mut Stack) -> T) -> Option<T> {
        let done = match &mut self.locked {
            Some(locked) => locked.with(work),
            None => self.network.lock().and_then(|mut locked| {
                let done = locked.with(work);
                self.locked = Some(locked);
                done
            }),
        };
        done.map_err(|failure| self.failure = Some(failure)).ok()
    }

    /// Why the last frame was dropped, if it was.
    fn finish(self) -> Result<Option<DropReason>> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.last.err()),
        }
    }
}
