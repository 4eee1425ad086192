//! What the halves make of failures, shown with system calls that fail to order, and a device of few errors.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::receive::Receive;
use super::transmit::Transmit;
use super::{Attachment, FrameIo, MOST_PIECES, ReceiveFailure, SendFailure};
use crate::{
    Bell, DropReason, ErrorKind, Features, HeaderLength, Interest, RxQueue, RxSlice, Sent, Source,
    TxQueue, TxSlice, gather, scatter, total_length,
};

/// System calls that do what a script says, and the frames that were written.
struct Script {
    answers: VecDeque<Result<Vec<u8>, i32>>,
    written: Arc<Mutex<Vec<Written>>>,
    bell: Bell,
    /// Whether a read tells the true length of a frame that was cut.
    tells_lengths: bool,
}

/// Pieces and bytes of a frame.
type Written = (usize, Vec<u8>);

impl Script {
    fn new(answers: impl IntoIterator<Item = Result<Vec<u8>, i32>>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            written: Arc::default(),
            bell: Bell::new().unwrap(),
            tells_lengths: false,
        }
    }

    fn answer(&mut self) -> io::Result<Vec<u8>> {
        let answer = self.answers.pop_front().expect("no system call is left");
        answer.map_err(io::Error::from_raw_os_error)
    }
}

impl FrameIo for Script {
    fn write(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        let answer = self.answer()?;
        let mut bytes = vec![0; total_length(frame)];
        gather(frame, 0, &mut bytes);
        let mut written = self.written.lock().unwrap();
        written.push((frame.len(), bytes));
        Ok(answer.len())
    }

    fn read(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        assert!(into.len() <= MOST_PIECES, "the kernel takes no more");
        let frame = self.answer()?;
        let stored = scatter(&frame, into, 0);
        Ok(if self.tells_lengths {
            frame.len()
        } else {
            stored
        })
    }

    fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.bell.descriptor(),
            interest: Interest::Readable,
        }
    }

    fn send_failure(&mut self, errno: i32) -> SendFailure {
        match errno {
            libc::EINTR => SendFailure::Interrupted,
            libc::ENOBUFS => SendFailure::Busy(Some(Duration::from_millis(1))),
            libc::ENXIO => SendFailure::Gone,
            _ => SendFailure::Other,
        }
    }

    fn receive_failure(&mut self, errno: i32) -> ReceiveFailure {
        match errno {
            libc::EINTR => ReceiveFailure::Again,
            libc::EAGAIN => ReceiveFailure::Empty,
            libc::ENXIO => ReceiveFailure::Gone,
            _ => ReceiveFailure::Other,
        }
    }
}

fn transmit(script: Script, header: HeaderLength) -> Transmit<Script, 0> {
    let attachment = Arc::new(Attachment::new("tap7"));
    Transmit::new(script, header, Features::empty(), &attachment)
}

fn receive(script: Script) -> Receive<Script, 0> {
    let attachment = Arc::new(Attachment::new("tap7"));
    Receive::new(script, HeaderLength::None, &attachment)
}

/// A frame's worth of bytes.
fn frame(length: usize) -> Vec<u8> {
    (0_u8..=250).cycle().take(length).collect()
}

#[test]
fn a_full_kernel_is_busy() {
    let mut tx = transmit(Script::new([Err(libc::ENOBUFS)]), HeaderLength::None);
    let sent = tx.send(&[TxSlice::new(&frame(60))]).unwrap();
    let retry_after = Some(Duration::from_millis(1));
    assert_eq!(sent, Sent::Busy { retry_after });
    assert_eq!(tx.counters().snapshot().busy, 1);
}

#[test]
fn an_interface_that_takes_nothing_is_down() {
    let mut tx = transmit(Script::new([Ok(Vec::new())]), HeaderLength::None);
    let sent = tx.send(&[TxSlice::new(&frame(60))]).unwrap();
    assert_eq!(sent, Sent::Dropped(DropReason::LinkDown));
    assert_eq!(tx.counters().snapshot().dropped(DropReason::LinkDown), 1);
}

#[test]
fn a_device_that_is_gone_is_gone_for_both() {
    let mut tx = transmit(Script::new([Err(libc::ENXIO)]), HeaderLength::None);
    let error = tx.send(&[TxSlice::new(&frame(60))]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
    let mut rx = receive(Script::new([Err(libc::ENXIO)]));
    let error = rx.recv(&mut [RxSlice::new(&mut [0; 2000])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
}

#[test]
fn gone_says_what_and_why() {
    let mut rx = receive(Script::new([Err(libc::ENXIO)]));
    let error = rx.peek().unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("tap7 is gone: "), "{text}");
}

#[test]
fn a_signal_is_nothing() {
    let script = Script::new([Err(libc::EINTR), Err(libc::EINTR), Ok(frame(60))]);
    let mut tx = transmit(script, HeaderLength::None);
    assert_eq!(tx.send(&[TxSlice::new(&frame(60))]).unwrap(), Sent::Queued);
    let mut rx = receive(Script::new([Err(libc::EINTR), Ok(frame(60))]));
    let received = rx.recv(&mut [RxSlice::new(&mut [0; 2000])]).unwrap();
    assert_eq!(received.map(|frame| frame.length), Some(60));
}

#[test]
fn nothing_now_is_none() {
    let mut rx = receive(Script::new([Err(libc::EAGAIN), Err(libc::EAGAIN)]));
    assert_eq!(rx.peek().unwrap(), None);
    let received = rx.recv(&mut [RxSlice::new(&mut [0; 2000])]).unwrap();
    assert_eq!(received, None);
}

#[test]
fn a_failure_nobody_knows_names_the_call_and_the_device() {
    let mut tx = transmit(Script::new([Err(libc::EFAULT)]), HeaderLength::None);
    let error = tx.send(&[TxSlice::new(&frame(60))]).unwrap_err();
    assert_eq!(error.to_string(), "writev on tap7: Bad address");
}

#[test]
fn frames_of_many_pieces_go_in_one_call_all_the_same() {
    for (length, pieces, calls_with) in [
        (1514, 8, 8),
        (1514, 9, 1),
        (60_000, 40, 40),
        (60_000, 1100, 1),
    ] {
        let script = Script::new([Ok(frame(length))]);
        let written = Arc::clone(&script.written);
        let mut tx = transmit(script, HeaderLength::None);
        let bytes = frame(length);
        let mut slices: Vec<TxSlice<'_>> = bytes
            .chunks(length.div_ceil(pieces))
            .map(TxSlice::new)
            .collect();
        slices.resize(pieces, TxSlice::EMPTY);
        assert_eq!(tx.send(&slices).unwrap(), Sent::Queued);
        let written = written.lock().unwrap();
        assert_eq!(*written, [(calls_with, bytes)], "{length} in {pieces}");
    }
}

#[test]
fn a_super_frame_that_was_not_negotiated_never_reaches_the_kernel() {
    let mut tx = transmit(Script::new([]), HeaderLength::Twelve);
    let mut bytes = frame(1000);
    bytes[..12].copy_from_slice(&[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    let sent = tx.send(&[TxSlice::new(&bytes)]).unwrap();
    assert_eq!(sent, Sent::Dropped(DropReason::NotNegotiated));
    bytes[1] = 77;
    let sent = tx.send(&[TxSlice::new(&bytes)]).unwrap();
    assert_eq!(sent, Sent::Dropped(DropReason::Malformed));
}

#[test]
fn an_event_that_the_device_is_gone_stops_both_halves() {
    let mut tx = transmit(Script::new([]), HeaderLength::None);
    tx.attachment.set_gone();
    assert!(tx.flush().unwrap_err().is_gone());
    let mut rx = receive(Script::new([Err(libc::EAGAIN)]));
    rx.attachment.set_gone();
    assert!(rx.peek().unwrap_err().is_gone());
}

#[test]
fn a_frame_that_is_longer_than_any_is_truncated_and_says_so() {
    let giant = || Script {
        tells_lengths: true,
        ..Script::new([Ok(frame(100_000))])
    };
    let received = |length| Some((length, true));
    for capacity in [1000, 5000, 65_553, 70_000] {
        let mut buffer = vec![0; capacity];
        let into = &mut [RxSlice::new(&mut buffer)];
        let told = receive(giant()).recv(into).unwrap();
        let told = told.map(|frame| (frame.length, frame.truncated));
        assert_eq!(told, received(100_000), "{capacity}");
    }
    let mut rx = receive(giant());
    assert_eq!(rx.peek().unwrap(), Some(100_000));
    let mut buffer = vec![0; 80_000];
    let told = rx.recv(&mut [RxSlice::new(&mut buffer)]).unwrap();
    assert_eq!(told.map(|frame| frame.truncated), Some(true));
    assert_eq!(buffer[..1000], frame(1000));
}

const TWELVE: usize = HeaderLength::Twelve.bytes();

/// A device that does not know the header of its guest.
fn transmit_behind(script: Script) -> Transmit<Script, TWELVE> {
    let attachment = Arc::new(Attachment::new("tap7"));
    let header = HeaderLength::Twelve;
    Transmit::new(script, header, Features::empty(), &attachment)
}

fn receive_behind(script: Script) -> Receive<Script, TWELVE> {
    let attachment = Arc::new(Attachment::new("tap7"));
    Receive::new(script, HeaderLength::Twelve, &attachment)
}

/// Lengths of pieces that make up `length`: in one, behind the header, in the midst of it, in many, in very many.
fn splits(length: usize) -> Vec<Vec<usize>> {
    let rest = length - TWELVE;
    let mut splits = vec![
        vec![length],
        vec![TWELVE, rest],
        vec![TWELVE + 14, rest - 14],
        vec![TWELVE, 14, rest - 14],
        vec![5, 7, rest],
        vec![5, 10, rest - 3],
        vec![0, TWELVE, 0, rest],
        vec![TWELVE + 1, 1, rest - 2],
    ];
    splits.push([vec![2; 6], vec![rest / 20; 19], vec![rest - rest / 20 * 19]].concat());
    splits.push([vec![1; 1100], vec![length - 1100]].concat());
    splits
}

#[test]
fn a_header_that_the_device_does_not_know_is_left_out() {
    for length in [1526, 6000, 65_000] {
        for split in splits(length) {
            let script = Script::new([Ok(frame(60))]);
            let written = Arc::clone(&script.written);
            let mut tx = transmit_behind(script);
            let wire = [vec![0; TWELVE], frame(length - TWELVE)].concat();
            let mut rest = &wire[..];
            let slices: Vec<TxSlice<'_>> = split
                .iter()
                .map(|count| {
                    let (piece, behind) = rest.split_at(*count);
                    rest = behind;
                    TxSlice::new(piece)
                })
                .collect();
            assert_eq!(tx.send(&slices).unwrap(), Sent::Queued);
            let written = written.lock().unwrap();
            let bytes: Vec<_> = written.iter().map(|(_, bytes)| bytes.clone()).collect();
            assert_eq!(bytes, [frame(length - TWELVE)], "{split:?}");
            let counted = tx.counters().snapshot();
            assert_eq!((counted.frames, counted.bytes), (1, length as u64));
        }
    }
}

#[test]
fn a_header_that_the_device_does_not_know_may_ask_for_nothing() {
    for (flags, kind, length, reason) in [
        (1, 0, 1000, DropReason::NotNegotiated),
        (1, 1, 1000, DropReason::NotNegotiated),
        (0, 77, 1000, DropReason::Malformed),
        (0, 0, TWELVE + 13, DropReason::Malformed),
        (0, 0, 5, DropReason::Malformed),
        (0, 0, 0, DropReason::Malformed),
        (0, 0, TWELVE + 70_000, DropReason::TooLong),
    ] {
        let mut bytes = vec![0; length];
        bytes
            .iter_mut()
            .zip([flags, kind])
            .for_each(|(to, it)| *to = it);
        for at in [0, 1, 2, 5, TWELVE, TWELVE + 1, length] {
            let mut tx = transmit_behind(Script::new([]));
            let (first, second) = bytes.split_at(at.min(length));
            let slices = [TxSlice::new(first), TxSlice::new(second)];
            let sent = Sent::Dropped(reason);
            assert_eq!(
                tx.send(&slices).unwrap(),
                sent,
                "{flags} {kind} {length} {at}"
            );
            assert_eq!(tx.counters().snapshot().dropped(reason), 1);
        }
    }
}

#[test]
fn a_header_that_the_device_does_not_know_is_put_in_front() {
    for room in [1526, 6000, 65_549 + TWELVE, 80_000] {
        for split in splits(room) {
            for looks in [false, true] {
                let script = Script::new([Err(libc::EINTR), Ok(frame(1514))]);
                let mut rx = receive_behind(script);
                if looks {
                    assert_eq!(rx.peek().unwrap(), Some(1526));
                }
                let mut buffer = vec![0xee; room];
                let mut rest = &mut buffer[..];
                let mut slices: Vec<RxSlice<'_>> = split
                    .iter()
                    .map(|count| {
                        let (piece, behind) = std::mem::take(&mut rest).split_at_mut(*count);
                        rest = behind;
                        RxSlice::new(piece)
                    })
                    .collect();
                let received = rx.recv(&mut slices).unwrap().unwrap();
                assert_eq!((received.length, received.truncated), (1526, false));
                drop(slices);
                let header = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
                assert_eq!(buffer[..TWELVE], header, "{split:?}");
                assert!(buffer[TWELVE..1526] == frame(1514), "{split:?} {looks}");
                assert!(buffer[1526..].iter().all(|byte| *byte == 0xee));
                let counted = rx.counters().snapshot();
                assert_eq!((counted.frames, counted.bytes), (1, 1526));
            }
        }
    }
}

#[test]
fn behind_a_header_a_frame_is_cut_and_says_so_too() {
    for room in [0, 5, TWELVE, 1525, 5000] {
        for looks in [false, true] {
            let mut rx = receive_behind(Script::new([Ok(frame(9000))]));
            if looks {
                assert_eq!(rx.peek().unwrap(), Some(9012));
            }
            let mut buffer = vec![0xee; room];
            let received = rx.recv(&mut [RxSlice::new(&mut buffer)]).unwrap();
            let told = received.map(|it| (it.length, it.truncated));
            assert_eq!(told, Some((9012, true)), "{room}");
            let whole = [vec![0; 10], vec![1, 0], frame(9000)].concat();
            assert!(buffer == whole[..room], "{room} {looks}");
            assert_eq!(rx.counters().snapshot().dropped(DropReason::Truncated), 1);
        }
    }
}
