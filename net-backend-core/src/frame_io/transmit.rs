use std::io;
use std::sync::Arc;

use super::{Attachment, FrameIo, MOST_PIECES, SendFailure};
use crate::{
    Counters, DropReason, Error, Features, FrameLength, HeaderLength, Result, Sent, Source,
    TxQueue, TxSlice, VirtioNetHeader, gather, total_length,
};

/// Pieces beyond which a short frame is copied together first: the kernel's cost for each piece exceeds that of
/// the copy.
const MANY_PIECES: usize = 8;
/// By how much the longest frame exceeds the shortest.
const SPAN: usize = FrameLength::MAX.bytes() - FrameLength::MIN.bytes();
/// Frames of at most this many bytes are short.
const SHORT_FRAME: usize = 4096;

/// The transmit half: one write for each frame. The device does not know the first `LEAD` bytes of the guest's frames, a
/// header that may ask for nothing then; 0 where it knows the header.
pub(super) struct Transmit<I, const LEAD: usize> {
    io: I,
    header: HeaderLength,
    features: Features,
    pub(super) attachment: Arc<Attachment>,
    counters: Counters,
    /// For frames of many pieces.
    staging: Vec<u8>,
}

impl<I, const LEAD: usize> Transmit<I, LEAD> {
    pub(super) fn new(
        io: I,
        header: HeaderLength,
        features: Features,
        attachment: &Arc<Attachment>,
    ) -> Self {
        Self {
            io,
            header,
            features,
            attachment: Arc::clone(attachment),
            counters: Counters::new(),
            staging: Vec::new(),
        }
    }
}

impl<I: FrameIo, const LEAD: usize> TxQueue for Transmit<I, LEAD> {
    #[inline]
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        // After a system call the processor predicts little, so what is usual takes few branches, most of them not taken.
        if LEAD > 0 {
            let Some(body) = lone(frame, LEAD) else {
                return self.send_pieces(frame);
            };
            let written = self.io.write(&[body]);
            return self.outcome(written, frame, body.len() + LEAD);
        }
        let length = total_length(frame);
        if !self.is_usual(frame, length) {
            return self.send_unusual(frame, length);
        }
        let written = self.io.write(frame);
        self.outcome(written, frame, length)
    }

    /// Nothing is ever held back; but a macvtap that is gone takes frames all the same, and this tells.
    fn flush(&mut self) -> Result<()> {
        if self.attachment.is_gone() {
            return Err(self.attachment.gone(io::ErrorKind::NotConnected.into()));
        }
        Ok(())
    }

    fn source(&self) -> Source<'_> {
        self.io.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl<I: FrameIo, const LEAD: usize> Transmit<I, LEAD> {
    /// A frame of a good length in few pieces, whose header, if any, asks for nothing.
    #[inline]
    fn is_usual(&self, frame: &[TxSlice<'_>], length: usize) -> bool {
        let shortest = self.header.bytes() + FrameLength::MIN.bytes();
        let fits = length.wrapping_sub(shortest) <= SPAN;
        fits && frame.len() <= MANY_PIECES && self.is_plain(frame)
    }

    /// Whether flags and segmentation are both zero, so that the rest of the header means nothing.
    #[inline]
    fn is_plain(&self, frame: &[TxSlice<'_>]) -> bool {
        let request = || frame.first().and_then(TxSlice::first_chunk);
        self.header == HeaderLength::None || request() == Some([0; 2])
    }

    /// Frames that are in pieces otherwise than behind their header.
    #[cold]
    fn send_pieces(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        match frame {
            [first, second] if first.len() > LEAD && self.is_usual(frame, length) => {
                let written = self.io.write(&[first.skip(LEAD), *second]);
                self.outcome(written, frame, length)
            }
            _ => self.send_unusual(frame, length),
        }
    }

    #[inline(never)]
    fn send_unusual(&mut self, frame: &[TxSlice<'_>], length: usize) -> Result<Sent> {
        if let Some(reason) = self.refusal(frame, length) {
            let sent = Sent::Dropped(reason);
            return Ok(self.counters.count_sent(length, sent));
        }
        let written = self.write(frame, length);
        self.outcome(written, frame, length)
    }

    /// Why the frame cannot be sent at all.
    fn refusal(&self, frame: &[TxSlice<'_>], length: usize) -> Option<DropReason> {
        let header = self.header.bytes();
        if length < header + FrameLength::MIN.bytes() {
            return Some(DropReason::Malformed);
        }
        if length > header + FrameLength::MAX.bytes() {
            return Some(DropReason::TooLong);
        }
        if self.header == HeaderLength::None {
            return None;
        }
        let mut wire = [0; 12];
        gather(frame, 0, wire.get_mut(..header).unwrap_or_default());
        match VirtioNetHeader::decode(wire, self.header) {
            None => Some(DropReason::Malformed),
            Some(header) if self.features.contains(header.transmit_features()) => None,
            Some(_) => Some(DropReason::NotNegotiated),
        }
    }

    /// One system call, whatever the number of pieces.
    fn write(&mut self, frame: &[TxSlice<'_>], length: usize) -> io::Result<usize> {
        let many = frame.len() > MANY_PIECES && length <= SHORT_FRAME;
        if many || frame.len() > MOST_PIECES {
            return self.write_copy(frame, length);
        }
        match frame {
            _ if LEAD == 0 => self.io.write(frame),
            [header, rest @ ..] if header.len() == LEAD => self.io.write(rest),
            [first, ..] if first.len() > LEAD && frame.len() <= MANY_PIECES => {
                let mut room = [TxSlice::EMPTY; MANY_PIECES];
                let places = room.iter_mut().zip(frame);
                places.for_each(|(place, piece)| *place = *piece);
                room[0] = first.skip(LEAD);
                self.io.write(room.get(..frame.len()).unwrap_or_default())
            }
            _ => self.write_copy(frame, length),
        }
    }

    fn write_copy(&mut self, frame: &[TxSlice<'_>], length: usize) -> io::Result<usize> {
        self.staging.resize(length.saturating_sub(LEAD), 0);
        gather(frame, LEAD, &mut self.staging);
        self.io.write(&[TxSlice::new(&self.staging)])
    }

    /// What became of the frame.
    #[inline]
    fn outcome(
        &mut self,
        written: io::Result<usize>,
        frame: &[TxSlice<'_>],
        length: usize,
    ) -> Result<Sent> {
        match written {
            Ok(1..) => Ok(self.counters.count_sent(length, Sent::Queued)),
            other => self.failed(other, frame, length),
        }
    }

    #[cold]
    fn failed(
        &mut self,
        mut written: io::Result<usize>,
        frame: &[TxSlice<'_>],
        length: usize,
    ) -> Result<Sent> {
        let sent = loop {
            let error = match written {
                // FreeBSD's answer for an interface that is down.
                Ok(0) => break Sent::Dropped(DropReason::LinkDown),
                Ok(_) => break Sent::Queued,
                Err(error) => error,
            };
            match self.io.send_failure(error.raw_os_error().unwrap_or(0)) {
                SendFailure::Interrupted => written = self.write(frame, length),
                SendFailure::Busy(retry_after) => break Sent::Busy { retry_after },
                SendFailure::Dropped(reason) => break Sent::Dropped(reason),
                SendFailure::Gone => return Err(self.attachment.gone(error)),
                SendFailure::Other => {
                    let name = self.attachment.name();
                    return Err(Error::system("writev", name, error, None));
                }
            }
        };
        Ok(self.counters.count_sent(length, sent))
    }
}

/// What is behind a header of `skip` bytes that asks for nothing, if all of it is in one piece and of a good length.
#[inline]
fn lone<'a>(frame: &[TxSlice<'a>], skip: usize) -> Option<TxSlice<'a>> {
    let (first, last) = (frame.first()?, frame.last()?);
    let is_whole = frame.len() == 1;
    let is_apart = (frame.len() == 2) & (first.len() == skip);
    let body = last.skip(if is_whole { skip } else { 0 });
    let fits = body.len().wrapping_sub(FrameLength::MIN.bytes()) <= SPAN;
    let is_usual = (is_whole | is_apart) & fits;
    (is_usual && first.first_chunk() == Some([0; 2])).then_some(body)
}
