use super::judge::check;
use super::software::Software;
use crate::layers::header::send_behind;
use crate::offload::Checksum;
use crate::{
    Activation, Counters, DropReason, Features, HeaderLength, Result, Sent, Source, TxQueue,
    TxSlice, VirtioNetHeader, gather, total_length,
};

/// What [`offload_transmit`] does for any transmit half: a backend offers this besides its own features.
pub const SOFTWARE_OFFLOADS: Features = Features::TRANSMIT_OFFLOADS;

/// What a transmit half takes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct NativeTransmit {
    /// The virtio-net header that its frames have.
    pub header: HeaderLength,
    /// The offloads that it does; those for frames that the guest sends count, and none without a header.
    pub features: Features,
}

impl NativeTransmit {
    /// Plain Ethernet frames.
    pub const PLAIN: Self = Self {
        header: HeaderLength::None,
        features: Features::empty(),
    };

    fn takes(&self, needed: Features) -> bool {
        let features = match self.header {
            HeaderLength::None => Features::empty(),
            HeaderLength::Ten | HeaderLength::Twelve => self.features,
        };
        features.contains(needed)
    }
}

/// Takes frames as they were negotiated, for a transmit half that takes less: completes checksums, and cuts
/// super-frames into segments or IP fragments, behind up to two VLAN tags. Header lengths are adapted too.
///
/// What the half takes by itself goes there without a copy; the rest goes through own memory of 64 KiB.
///
/// When the half becomes busy in the middle of a super-frame, `send` is [`Sent::Busy`], and what is left of it is
/// kept: it goes out first in the next `send` or `flush`. The same frame sent again, as it should be, is
/// [`Sent::Queued`] once all of it is out, and nothing of it goes out twice. A caller that gives the frame up instead
/// has sent it nevertheless. So nothing is ever left behind that nobody waits for.
///
/// A frame whose first segment is dropped by the half is dropped for the same reason. A header that cannot be true
/// of its frame, or one that asks for what cannot be done with it, makes the frame
/// [`Malformed`](DropReason::Malformed); what was not negotiated is [`NotNegotiated`](DropReason::NotNegotiated).
///
/// The counters begin at zero and are about the guest's frames; those of `inner` stay its own.
pub fn offload_transmit(
    inner: Box<dyn TxQueue>,
    native: NativeTransmit,
    negotiated: &Activation,
) -> Box<dyn TxQueue> {
    Box::new(SoftTx {
        inner,
        native,
        header: negotiated.header,
        negotiated: negotiated.features,
        software: Software::new(),
        begun: None,
        counters: Counters::new(),
    })
}

/// Bytes at the beginning of a frame, virtio-net header included, by which it is known again.
const KNOWN_BY: usize = 256;

struct SoftTx {
    inner: Box<dyn TxQueue>,
    native: NativeTransmit,
    header: HeaderLength,
    negotiated: Features,
    /// Has what goes out before anything else.
    software: Software,
    /// The super-frame that was busy after a part of it went out.
    begun: Option<Begun>,
    counters: Counters,
}

struct Begun {
    length: usize,
    start: [u8; KNOWN_BY],
}

impl Begun {
    fn new(frame: &[TxSlice<'_>], length: usize) -> Self {
        let mut start = [0; KNOWN_BY];
        gather(frame, 0, &mut start);
        Self { length, start }
    }

    fn is(&self, frame: &[TxSlice<'_>], length: usize) -> bool {
        self.length == length && self.start == Self::new(frame, length).start
    }
}

impl SoftTx {
    /// Sends what is usual in few branches: a frame that asks for nothing, to a half that knows the header as it is, or none.
    /// `None`, and nothing has happened, for other frames.
    #[inline]
    fn send_plain(&mut self, frame: &[TxSlice<'_>], length: usize) -> Option<Result<Sent>> {
        let skip = self.header.bytes();
        let is_plain = frame.first().and_then(TxSlice::first_chunk) == Some([0; 2]);
        let is_whole = skip > 0 && length >= skip;
        if !is_plain || !is_whole || self.begun.is_some() {
            return None;
        }
        match self.native.header {
            native if native == self.header => Some(self.inner.send(frame)),
            HeaderLength::None => Some(send_behind(&mut *self.inner, &[], frame, skip)),
            _ => None,
        }
    }

    #[inline(never)]
    fn transmit(&mut self, frame: &[TxSlice<'_>], length: usize) -> Result<Sent> {
        if self.begun.is_some() {
            if let Some(busy) = self.drain()? {
                return Ok(busy);
            }
            if self.begun.take().is_some_and(|it| it.is(frame, length)) {
                return Ok(Sent::Queued);
            }
        }
        let skip = self.header.bytes();
        let Some(behind) = length.checked_sub(skip) else {
            return Ok(Sent::Dropped(DropReason::Malformed));
        };
        let Some(header) = VirtioNetHeader::sent(frame, self.header) else {
            return Ok(Sent::Dropped(DropReason::Malformed));
        };
        let needed = header.transmit_features();
        if !self.negotiated.contains(needed) {
            return Ok(Sent::Dropped(DropReason::NotNegotiated));
        }
        if !self.native.takes(needed) {
            return self.work_on(frame, behind, &header);
        }
        if self.header == self.native.header {
            return self.inner.send(frame);
        }
        let wire = header.encode();
        let wire = wire.get(..self.native.header.bytes()).unwrap_or_default();
        send_behind(&mut *self.inner, wire, frame, skip)
    }

    /// Does what the header asks for, and sends what becomes of the frame.
    fn work_on(
        &mut self,
        frame: &[TxSlice<'_>],
        behind: usize,
        header: &VirtioNetHeader,
    ) -> Result<Sent> {
        if check(header, behind).is_err() {
            return Ok(Sent::Dropped(DropReason::Malformed));
        }
        let Some(room) = self.software.room(behind) else {
            return Ok(Sent::Dropped(DropReason::TooLong));
        };
        gather(frame, self.header.bytes(), room);
        let kind = if self.native.takes(Features::CSUM) {
            Checksum::Partial
        } else {
            Checksum::Complete
        };
        if self.software.begin(behind, header, kind).is_err() {
            return Ok(Sent::Dropped(DropReason::Malformed));
        }
        let first = self.send_next();
        if !matches!(first, Ok(Some(Sent::Queued))) {
            self.software.clear();
            return Ok(first?.unwrap_or(Sent::Dropped(DropReason::Malformed)));
        }
        self.software.advance();
        match self.drain()? {
            None => Ok(Sent::Queued),
            Some(busy) => {
                let length = behind + self.header.bytes();
                self.begun = Some(Begun::new(frame, length));
                Ok(busy)
            }
        }
    }

    /// Sends what is left of a frame; what stopped that, if it is busy.
    fn drain(&mut self) -> Result<Option<Sent>> {
        while let Some(sent) = self.send_next()? {
            if matches!(sent, Sent::Busy { .. }) {
                return Ok(Some(sent));
            }
            self.software.advance();
        }
        self.software.clear();
        Ok(None)
    }

    /// Offers the next frame that was made in software; `None` when nothing is left.
    fn send_next(&mut self) -> Result<Option<Sent>> {
        match self.software.next(self.native.header) {
            None => Ok(None),
            Some((head, payload)) => {
                let pieces = [TxSlice::new(head), TxSlice::new(payload)];
                self.inner.send(&pieces).map(Some)
            }
        }
    }
}

impl TxQueue for SoftTx {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        let sent = match self.send_plain(frame, length) {
            Some(sent) => sent?,
            None => self.transmit(frame, length)?,
        };
        Ok(self.counters.count_sent(length, sent))
    }

    fn flush(&mut self) -> Result<()> {
        let _busy = self.drain()?;
        self.inner.flush()
    }

    fn source(&self) -> Source<'_> {
        self.inner.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}
