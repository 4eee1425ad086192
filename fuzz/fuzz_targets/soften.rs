//! Any bytes as frames for the layers that do offloads in software, in both directions.
#![no_main]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use libfuzzer_sys::fuzz_target;
use net_backend::layers::{
    AcceptedOffloads, HoldNext, NativeTransmit, PeekHeader, SOFTWARE_OFFLOADS, offload_transmit,
    soften_receive,
};
use net_backend::{
    Activation, Bell, Counters, Features, HeaderLength, Interest, Received, Result, RxQueue,
    RxSlice, Sent, Source, TxQueue, TxSlice, VirtioNetHeader, gather, scatter, total_length,
};

fuzz_target!(|input: (u64, bool, u64, Vec<(u8, Vec<u8>)>)| {
    let (accepted, is_twelve, busy, mut frames) = input;
    let native = match is_twelve {
        true => HeaderLength::Twelve,
        false => HeaderLength::Ten,
    };
    frames
        .iter_mut()
        .for_each(|(kind, frame)| steer(frame, *kind, native));
    let frames: Vec<_> = frames.into_iter().map(|(_, frame)| frame).collect();
    let accepted = Features::from_bits_truncate(accepted);
    let given = receive(Script::new(&frames), native, accepted);
    let held = HoldNext::new(Box::new(Script::new(&frames)));
    assert_eq!(given, receive(held, native, accepted));
    assert_eq!(
        transmit(&frames, native, 0),
        transmit(&frames, native, busy)
    );
});

/// The lengths of what the guest gets.
fn receive(
    inner: impl PeekHeader + 'static,
    native: HeaderLength,
    accepted: Features,
) -> Vec<usize> {
    let accepted = Arc::new(AcceptedOffloads::new(accepted));
    let mut queue = soften_receive(inner, native, Arc::clone(&accepted));
    let mut buffer = vec![0; 70_000];
    let mut lengths = Vec::new();
    while let Some(length) = queue.peek().unwrap() {
        let (used, behind) = buffer.split_at_mut(length);
        behind.iter_mut().take(64).for_each(|it| *it = 0x5a);
        let (first, second) = used.split_at_mut(length / 3);
        let mut into = [first, second, &mut *behind].map(RxSlice::new);
        let received = queue.recv(&mut into).unwrap().unwrap();
        assert_eq!((received.length, received.truncated), (length, false));
        assert!(behind.iter().take(64).all(|it| *it == 0x5a));
        let mut wire = VirtioNetHeader::default().encode();
        wire[..native.bytes()].copy_from_slice(&buffer[..native.bytes()]);
        let header = VirtioNetHeader::decode(wire, native).unwrap();
        assert!(accepted.features().contains(header.receive_features()));
        assert_eq!(header.buffers, 1);
        lengths.push(length);
    }
    assert_eq!(queue.counters().snapshot().frames, lengths.len() as u64);
    lengths
}

/// The lengths of what is sent, when every call of a set bit is busy.
fn transmit(frames: &[Vec<u8>], header: HeaderLength, busy: u64) -> Vec<usize> {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let sink = Sink {
        taken: Arc::clone(&taken),
        busy,
        bell: Bell::new().unwrap(),
    };
    let with = Activation {
        header,
        features: SOFTWARE_OFFLOADS,
        ..Activation::plain()
    };
    let mut queue = offload_transmit(Box::new(sink), NativeTransmit::PLAIN, &with);
    for frame in frames {
        while matches!(
            queue.send(&[TxSlice::new(frame)]).unwrap(),
            Sent::Busy { .. }
        ) {}
    }
    let numbers = queue.counters().snapshot();
    assert_eq!(
        numbers.frames + numbers.dropped_in_all(),
        frames.len() as u64
    );
    let taken = taken.lock().unwrap();
    taken.clone()
}

/// Makes most frames ask for something that can be done.
fn steer(wire: &mut [u8], kind: u8, native: HeaderLength) {
    let Some((header, frame)) = wire.split_at_mut_checked(native.bytes()) else {
        return;
    };
    if kind & 1 == 0 {
        header[0] &= 7;
        header[1] = [0, 1, 3, 4, 5, 0x81, 0x84, 0][usize::from(kind >> 5)];
        header[5] = 0;
        header[6..10].copy_from_slice(&[34, 0, 6, 0]);
    }
    let tags = usize::from(kind >> 1 & 1) * 4;
    let length = u16::try_from(frame.len().saturating_sub(tags)).unwrap_or(0);
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = frame.get_mut(tags + at..tags + at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    let protocol = if kind & 4 == 0 { 6 } else { 17 };
    let transport = if kind & 8 == 0 {
        put(12, &[8, 0, 0x45, 0]);
        put(16, &length.wrapping_sub(14).to_be_bytes());
        put(20, &[0x40, 0, 64, protocol]);
        34
    } else {
        put(12, &[0x86, 0xdd, 0x60]);
        put(18, &length.wrapping_sub(54).to_be_bytes());
        put(20, &[protocol]);
        54
    };
    if protocol == 6 {
        put(transport + 12, &[0x50]);
    } else {
        let length = length.wrapping_sub(u16::try_from(transport).unwrap());
        put(transport + 4, &length.to_be_bytes());
    }
    if let (4, Some(place)) = (tags, frame.get_mut(12..16)) {
        place.copy_from_slice(&[0x81, 0, 0, 1]);
    }
}

struct Script {
    frames: VecDeque<Vec<u8>>,
    bell: Bell,
}

impl Script {
    fn new(frames: &[Vec<u8>]) -> Self {
        Self {
            frames: frames.iter().cloned().collect(),
            bell: Bell::new().unwrap(),
        }
    }
}

impl RxQueue for Script {
    fn peek(&mut self) -> Result<Option<usize>> {
        Ok(self.frames.front().map(Vec::len))
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        Ok(self.frames.pop_front().map(|frame| {
            let stored = scatter(&frame, into, 0);
            Received {
                length: frame.len(),
                truncated: stored < frame.len(),
            }
        }))
    }

    fn source(&self) -> Source<'_> {
        readable(&self.bell)
    }

    fn counters(&self) -> Counters {
        Counters::new()
    }
}

impl PeekHeader for Script {
    fn peek_header(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        Ok(self.frames.front().map(|frame| {
            scatter(frame, &mut [RxSlice::new(into)], 0);
            frame.len()
        }))
    }
}

struct Sink {
    taken: Arc<Mutex<Vec<usize>>>,
    busy: u64,
    bell: Bell,
}

impl TxQueue for Sink {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let is_busy = self.busy & 1 == 1;
        self.busy >>= 1;
        if is_busy {
            return Ok(Sent::Busy { retry_after: None });
        }
        let mut bytes = vec![0; total_length(frame)];
        assert_eq!(gather(frame, 0, &mut bytes), bytes.len());
        self.taken.lock().unwrap().push(bytes.len());
        Ok(Sent::Queued)
    }

    fn source(&self) -> Source<'_> {
        readable(&self.bell)
    }

    fn counters(&self) -> Counters {
        Counters::new()
    }
}

fn readable(bell: &Bell) -> Source<'_> {
    Source {
        descriptor: bell.descriptor(),
        interest: Interest::Readable,
    }
}
