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
/// Frames of at most this many bytes are short.
const SHORT_FRAME: usize = 4096;

/// The transmit half: one write for each frame.
pub(super) struct Transmit<I> {
    io: I,
    header: HeaderLength,
    features: Features,
    pub(super) attachment: Arc<Attachment>,
    counters: Counters,
    /// For frames of many pieces.
    staging: Vec<u8>,
}

impl<I> Transmit<I> {
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

impl<I: FrameIo> TxQueue for Transmit<I> {
    #[inline]
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        // After a system call the processor predicts little, so what is usual takes few branches.
        if !self.is_usual(frame, length) {
            return self.send_unusual(frame, length);
        }
        match self.io.write(frame) {
            Ok(1..) => Ok(self.counters.count_sent(length, Sent::Queued)),
            other => self.outcome(other, frame, length),
        }
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

impl<I: FrameIo> Transmit<I> {
    /// A frame of a good length in few pieces, whose header, if any, asks for nothing.
    #[inline]
    fn is_usual(&self, frame: &[TxSlice<'_>], length: usize) -> bool {
        const SPAN: usize = FrameLength::MAX.bytes() - FrameLength::MIN.bytes();
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
            self.staging.resize(length, 0);
            gather(frame, 0, &mut self.staging);
            return self.io.write(&[TxSlice::new(&self.staging)]);
        }
        self.io.write(frame)
    }

    /// What became of the frame.
    #[inline(never)]
    fn outcome(
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
