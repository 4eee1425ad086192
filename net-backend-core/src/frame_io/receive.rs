use std::io;
use std::sync::Arc;

use super::{Attachment, FrameIo, LONGEST, MOST_PIECES, ReceiveFailure};
use crate::{
    Counters, Error, FrameLength, HeaderLength, Received, Result, RxQueue, RxSlice, Source,
    VirtioNetHeader, scatter,
};

/// The receive half: one read for each frame.
///
/// The kernel cuts a frame to the buffer and forgets the rest. So that the true length is known all the same, a read
/// into a buffer that may be too short ends in a spare buffer, where the rest of a long frame goes. Into short
/// buffers the frame is copied from the spare one: less than what the kernel takes for a second piece.
///
/// The device does not know the first `LEAD` bytes of what the guest gets, a header that asks for nothing then; 0 where it
/// makes the header.
pub(super) struct Receive<I, const LEAD: usize> {
    io: I,
    header: HeaderLength,
    pub(super) attachment: Arc<Attachment>,
    counters: Counters,
    /// The spare buffer, and where a frame waits that was only looked at.
    staging: Box<[u8]>,
    /// Length of the frame that waits.
    held: Option<usize>,
}

/// The most bytes that one system call takes (`SSIZE_MAX`).
const MOST_BYTES: usize = isize::MAX.unsigned_abs();

/// Buffers of at most this many bytes are filled by a copy.
const SHORT_BUFFER: usize = 4096;

impl<I, const LEAD: usize> Receive<I, LEAD> {
    pub(super) fn new(io: I, header: HeaderLength, attachment: &Arc<Attachment>) -> Self {
        Self {
            io,
            header,
            attachment: Arc::clone(attachment),
            counters: Counters::new(),
            staging: vec![0; LONGEST].into_boxed_slice(),
            held: None,
        }
    }
}

impl<I: FrameIo, const LEAD: usize> RxQueue for Receive<I, LEAD> {
    fn peek(&mut self) -> Result<Option<usize>> {
        if self.held.is_some() {
            return Ok(self.held);
        }
        if let Some(answer) = self.io.next_length() {
            return self.told(answer);
        }
        self.held = self.read_staged()?;
        Ok(self.held)
    }

    #[inline]
    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        let capacity = into.iter().map(RxSlice::len).fold(0, usize::saturating_add);
        let header = if LEAD > 0 { LEAD } else { self.header.bytes() };
        let longest = header + FrameLength::MAX.bytes();
        let roomy = (longest..=MOST_BYTES).contains(&capacity);
        // As in `Transmit::send`, few branches for what is usual: any frame fits, and none was peeked at.
        if !roomy || into.len() >= MOST_PIECES || self.held.is_some() {
            return self.recv_unusual(into, capacity);
        }
        let read = match into {
            _ if LEAD == 0 => self.io.read(into),
            [header, rest @ ..] if header.len() == LEAD => self.io.read(rest),
            [whole] => self.io.read(&mut [whole.skip(LEAD)]),
            _ => return self.recv_unusual(into, capacity),
        };
        match read {
            Ok(length) => {
                complete::<LEAD>(self.header, &self.attachment, into);
                let length = length + LEAD;
                Ok(Some(self.counters.count_received(Received {
                    length,
                    truncated: length > capacity,
                })))
            }
            Err(error) => match again(&mut self.io, &self.attachment, error)? {
                true => self.recv_unusual(into, capacity),
                false => Ok(None),
            },
        }
    }

    fn source(&self) -> Source<'_> {
        self.io.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl<I: FrameIo, const LEAD: usize> Receive<I, LEAD> {
    /// What a system says that knows the length of the next frame, beginning with its first answer.
    fn told(&mut self, answer: io::Result<usize>) -> Result<Option<usize>> {
        let Self { io, attachment, .. } = self;
        let mut answer = Some(answer);
        let length = read(io, attachment, |io| {
            let answer = answer.take().or_else(|| io.next_length());
            answer.unwrap_or(Ok(0))
        })?;
        let length = length.filter(|length| *length != 0);
        Ok(length.map(|length| length + LEAD))
    }

    /// Reads the next frame into the staging buffer.
    fn read_staged(&mut self) -> Result<Option<usize>> {
        let Self { io, staging, .. } = self;
        let mut into = [RxSlice::new(staging)];
        let length = read(io, &self.attachment, |io| match &mut into {
            into if LEAD == 0 => io.read(into),
            [whole] => io.read(&mut [whole.skip(LEAD)]),
        })?;
        if length.is_some() {
            complete::<LEAD>(self.header, &self.attachment, &mut into);
        }
        Ok(length.map(|length| length + LEAD))
    }

    #[inline(never)]
    fn recv_unusual(
        &mut self,
        into: &mut [RxSlice<'_>],
        capacity: usize,
    ) -> Result<Option<Received>> {
        let by_copy =
            capacity <= SHORT_BUFFER || capacity > MOST_BYTES || into.len() >= MOST_PIECES;
        let staged = match self.held.take() {
            None if by_copy => self.read_staged()?,
            held => held,
        };
        // A frame may be longer than any that this is made for.
        let room = staged.map_or(capacity, |_| capacity.min(self.staging.len()));
        let length = match staged {
            None if by_copy => None,
            None => self.read_frame(into, capacity)?,
            Some(length) => {
                let stored = length.min(self.staging.len());
                scatter(self.staging.get(..stored).unwrap_or_default(), into, 0);
                Some(length)
            }
        };
        Ok(length.map(|length| {
            self.counters.count_received(Received {
                length,
                truncated: length > room,
            })
        }))
    }

    fn read_frame(&mut self, into: &mut [RxSlice<'_>], capacity: usize) -> Result<Option<usize>> {
        let Self { io, staging, .. } = self;
        let length = read(io, &self.attachment, |io| {
            if LEAD == 0 && capacity >= self.header.bytes() + FrameLength::MAX.bytes() {
                return io.read(into);
            }
            match into.len() {
                0..=3 => read_spare::<I, 4>(io, into, LEAD, staging),
                4..=31 => read_spare::<I, 32>(io, into, LEAD, staging),
                _ => {
                    let spare = std::iter::once(RxSlice::new(staging));
                    let pieces = skipped(into, LEAD).chain(spare);
                    io.read(&mut pieces.collect::<Vec<_>>())
                }
            }
        })?;
        if length.is_some() {
            complete::<LEAD>(self.header, &self.attachment, into);
        }
        Ok(length.map(|length| length + LEAD))
    }
}

/// Writes what the kernel leaves to us: `num_buffers` of a frame in one buffer is 1, and there are no flags for a
/// guest that did not ask for them (virtio 1.2, 5.1.6.4.1). All of the header, where the device knows none.
#[inline]
fn complete<const LEAD: usize>(
    header: HeaderLength,
    attachment: &Attachment,
    frame: &mut [RxSlice<'_>],
) {
    if LEAD > 0 {
        let wire = VirtioNetHeader::default().encode();
        if let Some(wire) = wire.first_chunk::<LEAD>() {
            if !put(frame, 0, *wire) {
                scatter(wire, frame, 0);
            }
        }
        return;
    }
    let one = 1_u16.to_le_bytes();
    if header == HeaderLength::Twelve && !put(frame, HeaderLength::Ten.bytes(), one) {
        scatter(&one, frame, HeaderLength::Ten.bytes());
    }
    if header != HeaderLength::None && !attachment.takes_checksums() && !put(frame, 0, [0]) {
        scatter(&[0], frame, 0);
    }
}

/// Writes into the first piece, where the header mostly is.
#[inline]
fn put<const N: usize>(frame: &mut [RxSlice<'_>], offset: usize, bytes: [u8; N]) -> bool {
    let first = frame.first_mut();
    first.is_some_and(|piece| piece.put_chunk(offset, bytes))
}

/// Reads into fewer than `N` pieces, behind their first `skip` bytes, and the spare buffer behind them.
#[inline]
fn read_spare<I: FrameIo, const N: usize>(
    io: &mut I,
    into: &mut [RxSlice<'_>],
    skip: usize,
    spare: &mut [u8],
) -> io::Result<usize> {
    let count = into.len();
    let mut pieces: [RxSlice<'_>; N] = std::array::from_fn(|_| RxSlice::new(&mut []));
    for (place, piece) in pieces.iter_mut().zip(skipped(into, skip)) {
        *place = piece;
    }
    if let Some(last) = pieces.get_mut(count) {
        *last = RxSlice::new(spare);
    }
    io.read(pieces.get_mut(..=count).unwrap_or_default())
}

/// The buffer without its first `skip` bytes.
#[inline]
fn skipped<'b>(into: &'b mut [RxSlice<'_>], mut skip: usize) -> impl Iterator<Item = RxSlice<'b>> {
    into.iter_mut().map(move |piece| {
        let here = skip;
        skip = skip.saturating_sub(piece.len());
        piece.skip(here)
    })
}

/// Reads until there is a frame or none.
#[inline]
fn read<I: FrameIo>(
    io: &mut I,
    attachment: &Attachment,
    mut attempt: impl FnMut(&mut I) -> io::Result<usize>,
) -> Result<Option<usize>> {
    loop {
        match attempt(io) {
            Ok(length) => return Ok(Some(length)),
            Err(error) => match again(io, attachment, error)? {
                true => {}
                false => return Ok(None),
            },
        }
    }
}

/// What a failed read means: whether to read again, or that there is nothing now.
#[inline(never)]
fn again(io: &mut impl FrameIo, attachment: &Attachment, error: io::Error) -> Result<bool> {
    match io.receive_failure(error.raw_os_error().unwrap_or(0)) {
        ReceiveFailure::Again => Ok(true),
        ReceiveFailure::Empty if attachment.is_gone() => {
            Err(attachment.gone(io::ErrorKind::NotConnected.into()))
        }
        ReceiveFailure::Empty => Ok(false),
        ReceiveFailure::Gone => Err(attachment.gone(error)),
        ReceiveFailure::Other => Err(Error::system("readv", attachment.name(), error, None)),
    }
}
