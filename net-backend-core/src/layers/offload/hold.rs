use std::fmt;

use super::PeekHeader;
use crate::{
    Counters, FrameLength, HeaderLength, Received, Result, RxQueue, RxSlice, Source, scatter,
};

/// Any receive half, as one that shows headers: what was looked at is held in own memory, which costs one copy of
/// each frame that was. Halves that can look at a frame where it is implement [`PeekHeader`] themselves.
pub struct HoldNext {
    inner: Box<dyn RxQueue>,
    /// Empty until the first frame was looked at; then for a frame of any length.
    memory: Vec<u8>,
    /// The frame that is held, as it was received.
    held: Option<Received>,
    counters: Counters,
}

impl HoldNext {
    /// Counts anew, from zero.
    pub fn new(inner: Box<dyn RxQueue>) -> Self {
        Self {
            inner,
            memory: Vec::new(),
            held: None,
            counters: Counters::new(),
        }
    }

    fn hold(&mut self) -> Result<Option<Received>> {
        if self.held.is_none() {
            if self.memory.is_empty() {
                let longest = FrameLength::MAX.buffer_length(HeaderLength::Twelve);
                self.memory.resize(longest, 0);
            }
            let mut into = [RxSlice::new(&mut self.memory)];
            self.held = self.inner.recv(&mut into)?;
        }
        Ok(self.held)
    }

    fn held_bytes(&self, length: usize) -> &[u8] {
        let stored = length.min(self.memory.len());
        self.memory.get(..stored).unwrap_or_default()
    }
}

impl RxQueue for HoldNext {
    fn peek(&mut self) -> Result<Option<usize>> {
        match self.held {
            Some(received) => Ok(Some(received.length)),
            None => self.inner.peek(),
        }
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        let received = match self.held.take() {
            Some(held) => {
                let stored = scatter(self.held_bytes(held.length), into, 0);
                Some(Received {
                    length: held.length,
                    truncated: stored < held.length,
                })
            }
            None => self.inner.recv(into)?,
        };
        Ok(received.map(|received| self.counters.count_received(received)))
    }

    fn source(&self) -> Source<'_> {
        self.inner.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl PeekHeader for HoldNext {
    fn peek_header(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        let Some(held) = self.hold()? else {
            return Ok(None);
        };
        scatter(self.held_bytes(held.length), &mut [RxSlice::new(into)], 0);
        Ok(Some(held.length))
    }
}

impl fmt::Debug for HoldNext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldNext")
            .field("inner", &self.inner.source())
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}
