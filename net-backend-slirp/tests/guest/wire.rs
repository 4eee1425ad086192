//! The guest's end of a NIC, frame by frame.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use net_backend_core::testing::ready;
use net_backend_core::{
    Activation, CounterSnapshot, DropReason, FrameLength, HeaderLength, NetBackend, QueuePair,
    RxSlice, Sent, TxSlice, VirtioNetHeader,
};

use crate::harness::{Mode, Outcome, ensure, failed, open};

/// How long anything may take that has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A frame, and what its header says.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) header: VirtioNetHeader,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Wire {
    /// Before the backend, so that they are dropped first.
    pair: QueuePair,
    pub(crate) backend: Box<dyn NetBackend>,
    pub(crate) with: Activation,
    buffer: Vec<u8>,
    /// Whether frames of a stack may be refused by a rule.
    pub(crate) may_refuse: bool,
    /// Frames that found no room.
    waiting: VecDeque<Vec<u8>>,
}

impl Wire {
    /// Opens `uri`, and activates it without header and offloads.
    pub(crate) fn open(mode: Mode, uri: &str) -> Outcome<Self> {
        Self::activate(open(&mode.with(uri))?, Activation::plain())
    }

    pub(crate) fn activate(mut backend: Box<dyn NetBackend>, with: Activation) -> Outcome<Self> {
        let pair = backend.activate(&with)?.pop();
        Ok(Self {
            pair: pair.ok_or_else(|| failed("no queue pair was made"))?,
            backend,
            with,
            buffer: vec![0; FrameLength::MAX.buffer_length(HeaderLength::Twelve)],
            may_refuse: false,
            waiting: VecDeque::new(),
        })
    }

    /// Sends an ordinary frame, and waits for room when there is none.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Outcome {
        let sent = self.offer(&VirtioNetHeader::default(), frame)?;
        ensure!(sent == Sent::Queued, "send of a good frame: {sent:?}");
        Ok(())
    }

    /// Sends until it is no longer busy, and makes it visible.
    pub(crate) fn offer(&mut self, header: &VirtioNetHeader, frame: &[u8]) -> Outcome<Sent> {
        let bytes = self.on_wire(header, frame);
        self.offer_raw(&bytes)
    }

    /// Sends bytes that begin with the header of the activation, whatever is in it.
    pub(crate) fn offer_raw(&mut self, bytes: &[u8]) -> Outcome<Sent> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let sent = self.pair.tx.send(&[TxSlice::new(bytes)])?;
            self.pair.tx.flush()?;
            let Sent::Busy { retry_after } = sent else {
                return Ok(sent);
            };
            let timeout = retry_after.unwrap_or(PATIENCE);
            let is_ready = ready(self.pair.tx.source(), timeout)?;
            ensure!(
                is_ready || retry_after.is_some(),
                "busy, and never woken again"
            );
            ensure!(Instant::now() < deadline, "busy for {PATIENCE:?}");
        }
    }

    /// Sends without making it visible yet; what finds no room waits for [`flush`](Self::flush).
    pub(crate) fn queue(&mut self, header: &VirtioNetHeader, frame: &[u8]) -> Outcome {
        let bytes = self.on_wire(header, frame);
        if !self.waiting.is_empty() {
            self.waiting.push_back(bytes);
            return Ok(());
        }
        match self.pair.tx.send(&[TxSlice::new(&bytes)])? {
            Sent::Queued => {}
            Sent::Busy { .. } => self.waiting.push_back(bytes),
            Sent::Dropped(DropReason::Policy) if self.may_refuse => {}
            dropped @ Sent::Dropped(_) => {
                let length = frame.len();
                return Err(failed(format!(
                    "a good frame of {length} bytes: {dropped:?}"
                )));
            }
        }
        Ok(())
    }

    /// Makes visible what was queued; whether everything found room.
    pub(crate) fn flush(&mut self) -> Outcome<bool> {
        while let Some(bytes) = self.waiting.front() {
            match self.pair.tx.send(&[TxSlice::new(bytes)])? {
                Sent::Busy { .. } => break,
                _ => self.waiting.pop_front(),
            };
        }
        self.pair.tx.flush()?;
        Ok(self.waiting.is_empty())
    }

    /// Whether frames wait for room.
    pub(crate) fn is_full(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next frame that is there now.
    pub(crate) fn now(&mut self) -> Outcome<Option<Arrived>> {
        let into = &mut [RxSlice::new(&mut self.buffer)];
        let Some(received) = self.pair.rx.recv(into)? else {
            return Ok(None);
        };
        ensure!(!received.truncated, "a frame longer than any: {received:?}");
        let frame = self.buffer.get(..received.length).unwrap_or_default();
        let length = self.with.header.bytes();
        let split = frame.split_at_checked(length);
        let (head, bytes) = split.ok_or_else(|| failed("a frame without its header"))?;
        let mut wire = VirtioNetHeader::default().encode();
        wire.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        let header = VirtioNetHeader::decode(wire, self.with.header);
        Ok(Some(Arrived {
            header: header.ok_or_else(|| failed(format!("a bad header {wire:02x?}")))?,
            bytes: bytes.to_vec(),
        }))
    }

    /// The next frame of which `take` makes something, within [`PATIENCE`].
    pub(crate) fn expect<T>(
        &mut self,
        what: &str,
        take: impl FnMut(&Arrived) -> Option<T>,
    ) -> Outcome<T> {
        let taken = self.within(PATIENCE, take)?;
        taken.ok_or_else(|| failed(format!("{what} never came")))
    }

    /// The next frame of which `take` makes something, if there is one in time. Waits for nothing but the source.
    pub(crate) fn within<T>(
        &mut self,
        timeout: Duration,
        mut take: impl FnMut(&Arrived) -> Option<T>,
    ) -> Outcome<Option<T>> {
        let deadline = Instant::now() + timeout;
        let mut overslept = false;
        loop {
            while let Some(arrived) = self.now()? {
                ensure!(!overslept, "a frame was there, and nobody was woken");
                if let Some(taken) = take(&arrived) {
                    return Ok(Some(taken));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            overslept = !self.wait(left)? && timeout >= PATIENCE;
        }
    }

    /// Waits for a frame; whether the source said that there is one.
    pub(crate) fn wait(&self, timeout: Duration) -> Outcome<bool> {
        Ok(ready(self.pair.rx.source(), timeout)?)
    }

    /// The halves, for waiting for them together with something else.
    pub(crate) fn pair(&mut self) -> &mut QueuePair {
        &mut self.pair
    }

    /// Drops the halves.
    pub(crate) fn into_backend(self) -> Box<dyn NetBackend> {
        let Self { backend, .. } = self;
        backend
    }

    /// What was sent and dropped.
    pub(crate) fn sent(&self) -> CounterSnapshot {
        self.pair.tx.counters().snapshot()
    }

    fn on_wire(&self, header: &VirtioNetHeader, frame: &[u8]) -> Vec<u8> {
        let wire = header.encode();
        let wire = wire.get(..self.with.header.bytes()).unwrap_or_default();
        [wire, frame].concat()
    }
}
