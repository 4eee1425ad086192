use std::io;
use std::sync::Arc;

use net_backend_core::{
    Counters, DropReason, Error, Features, FrameLength, HeaderLength, Result, Sent, Source,
    TxQueue, TxSlice, VirtioNetHeader, gather, total_length,
};

use crate::backend::Attachment;
use crate::receive::MOST_PIECES;
use crate::sys::{self, FrameIo, SendFailure};

/// Pieces beyond which a short frame is copied together first: the kernel's cost for each piece exceeds that of
/// the copy.
const MANY_PIECES: usize = 8;
/// Frames of at most this many bytes are short.
const SHORT_FRAME: usize = 4096;

/// The transmit half: one write for each frame.
pub(crate) struct Transmit<I> {
    pub(crate) io: I,
    pub(crate) header: HeaderLength,
    pub(crate) features: Features,
    pub(crate) attachment: Arc<Attachment>,
    pub(crate) counters: Counters,
    /// For frames of many pieces.
    pub(crate) staging: Vec<u8>,
}

impl<I: FrameIo> TxQueue for Transmit<I> {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        let sent = match self.refusal(frame, length) {
            Some(reason) => Sent::Dropped(reason),
            None => self.transmit(frame, length)?,
        };
        Ok(self.counters.count_sent(length, sent))
    }

    fn source(&self) -> Source<'_> {
        self.io.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl<I: FrameIo> Transmit<I> {
    /// Why the frame cannot be sent at all.
    #[inline]
    fn refusal(&self, frame: &[TxSlice<'_>], length: usize) -> Option<DropReason> {
        let header = self.header.bytes();
        if length < header + FrameLength::MIN.bytes() {
            return Some(DropReason::Malformed);
        }
        if length > header + FrameLength::MAX.bytes() {
            return Some(DropReason::TooLong);
        }
        // Flags and segmentation: mostly both zero, and then the rest means nothing.
        let request = frame.first().and_then(TxSlice::first_chunk);
        if header == 0 || request == Some([0; 2]) {
            return None;
        }
        self.header_refusal(frame)
    }

    #[cold]
    fn header_refusal(&self, frame: &[TxSlice<'_>]) -> Option<DropReason> {
        let header = self.header.bytes();
        let mut wire = [0; 12];
        gather(frame, 0, wire.get_mut(..header).unwrap_or_default());
        match VirtioNetHeader::decode(wire, self.header) {
            None => Some(DropReason::Malformed),
            Some(header) if self.features.contains(header.transmit_features()) => None,
            Some(_) => Some(DropReason::NotNegotiated),
        }
    }

    #[inline]
    fn transmit(&mut self, frame: &[TxSlice<'_>], length: usize) -> Result<Sent> {
        if self.attachment.is_gone() {
            return Err(self.attachment.gone(io::ErrorKind::NotConnected.into()));
        }
        let many = frame.len() > MANY_PIECES && length <= SHORT_FRAME;
        if many || frame.len() > MOST_PIECES {
            self.staging.resize(length, 0);
            gather(frame, 0, &mut self.staging);
            return outcome(
                &mut self.io,
                &self.attachment,
                &[TxSlice::new(&self.staging)],
            );
        }
        outcome(&mut self.io, &self.attachment, frame)
    }
}

/// Writes the frame and says what became of it.
#[inline]
fn outcome<I: FrameIo>(io: &mut I, attachment: &Attachment, frame: &[TxSlice<'_>]) -> Result<Sent> {
    loop {
        let error = match io.write(frame) {
            // FreeBSD's answer for an interface that is down.
            Ok(0) => return Ok(Sent::Dropped(DropReason::LinkDown)),
            Ok(_) => return Ok(Sent::Queued),
            Err(error) => error,
        };
        return match sys::send_failure(error.raw_os_error().unwrap_or(0)) {
            SendFailure::Interrupted => continue,
            SendFailure::Busy(retry_after) => Ok(Sent::Busy { retry_after }),
            SendFailure::Dropped(reason) => Ok(Sent::Dropped(reason)),
            SendFailure::Gone => Err(attachment.gone(error)),
            SendFailure::Other => Err(Error::System {
                operation: "writev",
                object: attachment.name().to_owned(),
                cause: error,
                remedy: None,
            }),
        };
    }
}
