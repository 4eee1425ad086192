use crate::{
    Counters, DropReason, HeaderLength, QueuePair, Received, Result, RxQueue, RxSlice, Sent,
    Source, TxQueue, TxSlice, VirtioNetHeader, gather, scatter, total_length,
};

/// Makes a pair with headers of `native` length look like one with headers of `wanted` length. The same pair
/// when they are equal. Frames are not copied: a header is one more piece.
///
/// Without a native header, frames that ask for an offload are dropped as
/// [`DropReason::NotNegotiated`], and received ones carry a header that asks for nothing.
pub fn adapt_header(pair: QueuePair, native: HeaderLength, wanted: HeaderLength) -> QueuePair {
    if native == wanted {
        return pair;
    }
    QueuePair {
        rx: adapt_received_header(pair.rx, native, wanted),
        tx: adapt_transmitted_header(pair.tx, native, wanted),
    }
}

/// [`adapt_header`] for the receive half alone.
pub fn adapt_received_header(
    rx: Box<dyn RxQueue>,
    native: HeaderLength,
    wanted: HeaderLength,
) -> Box<dyn RxQueue> {
    if native == wanted {
        return rx;
    }
    Box::new(HeaderRx {
        inner: rx,
        native,
        wanted,
        counters: Counters::new(),
    })
}

/// [`adapt_header`] for the transmit half alone.
pub fn adapt_transmitted_header(
    tx: Box<dyn TxQueue>,
    native: HeaderLength,
    wanted: HeaderLength,
) -> Box<dyn TxQueue> {
    if native == wanted {
        return tx;
    }
    Box::new(HeaderTx {
        inner: tx,
        native,
        wanted,
        counters: Counters::new(),
    })
}

/// Pieces of a frame that find room on the stack; longer lists are allocated.
const PIECES: usize = 34;

struct HeaderTx {
    inner: Box<dyn TxQueue>,
    native: HeaderLength,
    wanted: HeaderLength,
    counters: Counters,
}

impl HeaderTx {
    /// What is left of a frame in one piece, or in one behind its header, where no header goes along and this one asks for
    /// nothing: what is usual, in few branches, as in `frame_io`.
    #[inline]
    fn usual<'f, 'a>(
        &self,
        frame: &'f [TxSlice<'a>],
        room: &'f mut [TxSlice<'a>; 1],
    ) -> Option<&'f [TxSlice<'a>]> {
        let skip = self.wanted.bytes();
        let [first, rest @ ..] = frame else {
            return None;
        };
        let is_plain = first.first_chunk() == Some([0; 2]);
        if self.native != HeaderLength::None || !is_plain || first.len() < skip {
            return None;
        }
        if first.len() == skip {
            return Some(rest);
        }
        *room = [first.skip(skip)];
        rest.is_empty().then_some(room)
    }

    #[inline(never)]
    fn transmit(&mut self, frame: &[TxSlice<'_>], length: usize) -> Result<Sent> {
        let skip = self.wanted.bytes();
        let mut wire = VirtioNetHeader::default().encode();
        let copied = gather(frame, 0, wire.get_mut(..skip).unwrap_or_default());
        let header = match VirtioNetHeader::decode(wire, self.wanted) {
            Some(header) if copied == skip && length >= skip => header,
            _ => return Ok(Sent::Dropped(DropReason::Malformed)),
        };
        if self.native == HeaderLength::None && !header.transmit_features().is_empty() {
            return Ok(Sent::Dropped(DropReason::NotNegotiated));
        }
        let native = header.encode();
        let native = native.get(..self.native.bytes()).unwrap_or_default();
        send_behind(&mut *self.inner, native, frame, skip)
    }
}

impl TxQueue for HeaderTx {
    #[inline]
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        let mut room = [TxSlice::EMPTY];
        let sent = match self.usual(frame, &mut room) {
            Some(usual) => self.inner.send(usual)?,
            None => self.transmit(frame, length)?,
        };
        Ok(self.counters.count_sent(length, sent))
    }

    fn flush(&mut self) -> Result<()> {
        self.inner.flush()
    }

    fn source(&self) -> Source<'_> {
        self.inner.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

struct HeaderRx {
    inner: Box<dyn RxQueue>,
    native: HeaderLength,
    wanted: HeaderLength,
    counters: Counters,
}

impl HeaderRx {
    /// A frame without header, into a buffer in one piece or with a place of its own for the header: what is usual, in few
    /// branches. `None`, and nothing has happened, for other buffers.
    #[inline]
    fn recv_usual(&mut self, into: &mut [RxSlice<'_>]) -> Option<Result<Option<Received>>> {
        let skip = self.wanted.bytes();
        let [first, rest @ ..] = into else {
            return None;
        };
        let is_usual = first.len() == skip || first.len() > skip && rest.is_empty();
        if self.native != HeaderLength::None || !is_usual {
            return None;
        }
        let received = match rest {
            [] => self.inner.recv(&mut [first.skip(skip)]),
            rest => self.inner.recv(rest),
        };
        if let Ok(Some(_)) = received {
            let wire = VirtioNetHeader::default().encode();
            if self.wanted != HeaderLength::Twelve || !first.put_chunk(0, wire) {
                first.copy_from(wire.get(..skip).unwrap_or_default());
            }
        }
        Some(received)
    }

    #[inline(never)]
    fn recv_unusual(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        let mut wire = VirtioNetHeader::default().encode();
        let native = wire.get_mut(..self.native.bytes()).unwrap_or_default();
        let received = recv_behind(&mut *self.inner, native, into, self.wanted.bytes())?;
        let Some(received) = received else {
            return Ok(None);
        };
        let header = VirtioNetHeader::decode(wire, self.native).unwrap_or_default();
        let wanted = header.encode();
        let wanted = wanted.get(..self.wanted.bytes()).unwrap_or_default();
        let stored = scatter(wanted, into, 0);
        Ok(Some(Received {
            truncated: received.truncated || stored < wanted.len(),
            ..received
        }))
    }

    fn adapted(&self, length: usize) -> usize {
        length.saturating_sub(self.native.bytes()) + self.wanted.bytes()
    }
}

impl RxQueue for HeaderRx {
    fn peek(&mut self) -> Result<Option<usize>> {
        Ok(self.inner.peek()?.map(|length| self.adapted(length)))
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        let received = match self.recv_usual(into) {
            Some(received) => received?,
            None => self.recv_unusual(into)?,
        };
        Ok(received.map(|received| {
            self.counters.count_received(Received {
                length: self.adapted(received.length),
                ..received
            })
        }))
    }

    fn source(&self) -> Source<'_> {
        self.inner.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

/// Sends `header` and, behind it, the frame without its first `skip` bytes; a header that is empty takes no piece where the
/// rest is easily had without, since what has one piece mostly costs less.
pub(super) fn send_behind(
    inner: &mut dyn TxQueue,
    header: &[u8],
    frame: &[TxSlice<'_>],
    skip: usize,
) -> Result<Sent> {
    if header.is_empty() {
        match frame {
            [whole] => return inner.send(&[whole.skip(skip)]),
            [first, rest @ ..] if first.len() == skip => return inner.send(rest),
            _ => {}
        }
    }
    let pieces = std::iter::once(TxSlice::new(header)).chain(skipped(frame, skip));
    let mut room = [TxSlice::EMPTY; PIECES];
    match room.get_mut(..=frame.len()) {
        Some(room) => {
            room.iter_mut()
                .zip(pieces)
                .for_each(|(place, piece)| *place = piece);
            inner.send(room)
        }
        None => inner.send(&pieces.collect::<Vec<_>>()),
    }
}

/// Receives the native header into `native`, and the frame into the buffer behind its first `skip` bytes.
fn recv_behind(
    inner: &mut dyn RxQueue,
    native: &mut [u8],
    into: &mut [RxSlice<'_>],
    skip: usize,
) -> Result<Option<Received>> {
    if native.is_empty() {
        match into {
            [whole] => return inner.recv(&mut [whole.skip(skip)]),
            [first, rest @ ..] if first.len() == skip => return inner.recv(rest),
            _ => {}
        }
    }
    let count = into.len();
    let rest = into.iter_mut().scan(skip, |skip, piece| {
        let here = *skip;
        *skip = skip.saturating_sub(piece.len());
        Some(piece.skip(here))
    });
    let pieces = std::iter::once(RxSlice::new(native)).chain(rest);
    let mut room: [RxSlice<'_>; PIECES] = std::array::from_fn(|_| RxSlice::new(&mut []));
    match room.get_mut(..=count) {
        Some(room) => {
            room.iter_mut()
                .zip(pieces)
                .for_each(|(place, piece)| *place = piece);
            inner.recv(room)
        }
        None => inner.recv(&mut pieces.collect::<Vec<_>>()),
    }
}

/// The frame without its first `skip` bytes.
fn skipped<'a>(frame: &[TxSlice<'a>], skip: usize) -> impl Iterator<Item = TxSlice<'a>> {
    frame.iter().scan(skip, |skip, piece| {
        let here = *skip;
        *skip = skip.saturating_sub(piece.len());
        Some(piece.skip(here))
    })
}
