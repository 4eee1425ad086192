//! What the cases are made of.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use net_backend_core::testing::ready;
use net_backend_core::{
    Activation, NetBackend, QueuePair, RxQueue, RxSlice, Sent, TxQueue, TxSlice, Uri,
};
use net_backend_netmap::{Netmap, NetmapConfig, ReceiveQueue, TransmitQueue};

use crate::common;

pub(crate) type Outcome<T = ()> = Result<T, Failed>;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn() -> Outcome,
}

impl Case {
    pub(crate) const fn new(name: &'static str, run: fn() -> Outcome) -> Self {
        Self { name, run }
    }
}

/// How long a frame may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How long to listen to be sure that nothing comes.
pub(crate) const SILENCE: Duration = Duration::from_millis(50);

/// Fails the case with what was found.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+).into());
        }
    };
}
pub(crate) use ensure;

/// A broadcast frame whose bytes follow from its number.
pub(crate) fn frame(number: u32, length: usize) -> Vec<u8> {
    let [a, b, c, d] = number.to_be_bytes();
    let mut bytes = vec![0xff; 6];
    bytes.extend([2, 0, a, b, c, d, 0x88, 0xb5]);
    let begin = number.wrapping_mul(7919) as usize % PATTERN;
    bytes.extend(&pattern()[begin..begin + length]);
    bytes.truncate(length);
    bytes
}

const PATTERN: usize = 1 << 16;

/// Bytes without order, enough for the longest frame wherever it begins.
fn pattern() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut state = 0x9e37_79b9_u32;
        let bytes = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()
        });
        bytes.flatten().take(2 * PATTERN + 1024).collect()
    })
}

/// The number of such a frame.
pub(crate) fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]])
}

/// A backend that was activated, plain.
pub(crate) struct Active {
    /// Before the backend, so that they are dropped first.
    pub(crate) pairs: Vec<QueuePair>,
    pub(crate) backend: Box<dyn NetBackend>,
}

impl Active {
    /// Opens a port and activates all queue pairs that it has.
    pub(crate) fn new(port: &str) -> Outcome<Self> {
        let backend = common::open(port)?;
        let most = backend.capabilities().max_queue_pairs;
        Self::with_pairs(backend, most)
    }

    /// Opens a port and activates one queue pair, whatever it has.
    pub(crate) fn folded(port: &str) -> Outcome<Self> {
        Self::with_pairs(common::open(port)?, 1)
    }

    pub(crate) fn with_pairs(mut backend: Box<dyn NetBackend>, pairs: u16) -> Outcome<Self> {
        let pairs = backend.activate(&plain(pairs))?;
        Ok(Self { pairs, backend })
    }

    pub(crate) fn send(&mut self, frame: &[u8]) -> Outcome {
        self.send_on(0, frame)
    }

    pub(crate) fn send_on(&mut self, pair: usize, frame: &[u8]) -> Outcome {
        send(&mut *self.pairs[pair].tx, frame)
    }

    pub(crate) fn receive(&mut self) -> Outcome<Vec<u8>> {
        self.receive_on(0)
    }

    pub(crate) fn receive_on(&mut self, pair: usize) -> Outcome<Vec<u8>> {
        receive(&mut *self.pairs[pair].rx)
    }

    /// The next frame has to be this one.
    pub(crate) fn expect(&mut self, frame: &[u8]) -> Outcome {
        self.expect_on(0, frame)
    }

    pub(crate) fn expect_on(&mut self, pair: usize, frame: &[u8]) -> Outcome {
        let received = self.receive_on(pair)?;
        same(&received, frame)
    }

    pub(crate) fn expect_nothing(&mut self) -> Outcome {
        self.pairs
            .iter_mut()
            .try_for_each(|pair| expect_nothing(&mut *pair.rx))
    }
}

/// This program. The kernel may have forgotten where it is, and the name that it was called by may say.
pub(crate) fn program() -> io::Result<PathBuf> {
    let called = || std::env::args_os().next().map(PathBuf::from);
    std::env::current_exe().or_else(|error| called().ok_or(error))
}

/// Opens a port as what it is.
pub(crate) fn open_netmap(port: &str) -> net_backend_core::Result<Netmap> {
    let uri: Uri = format!("netmap:{port}").parse()?;
    Netmap::open(&NetmapConfig::from_uri(&uri)?)
}

/// Concrete halves of a port, plain.
pub(crate) fn halves(port: &str) -> Outcome<(ReceiveQueue, TransmitQueue)> {
    let mut backend = open_netmap(port)?;
    let mut queues = backend.queues(&plain(1))?;
    queues.pop().ok_or_else(|| "no queue pair".into())
}

pub(crate) fn plain(queue_pairs: u16) -> Activation {
    Activation {
        queue_pairs,
        ..Activation::plain()
    }
}

/// Sends and flushes, again while busy.
pub(crate) fn send(tx: &mut dyn TxQueue, frame: &[u8]) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match tx.send(&[TxSlice::new(frame)])? {
            Sent::Queued => return Ok(tx.flush()?),
            Sent::Busy { .. } if Instant::now() < deadline => {
                ready(tx.source(), SILENCE)?;
            }
            other => return Err(format!("send of {} bytes: {other:?}", frame.len()).into()),
        }
    }
}

/// Waits for the next frame that is one of these tests'.
pub(crate) fn receive(rx: &mut dyn RxQueue) -> Outcome<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(frame) = take(rx)? {
            return Ok(frame);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "no frame arrived");
        ensure!(
            ready(rx.source(), left)?,
            "no frame arrived, and no wake-up"
        );
    }
}

/// The next frame that is one of these tests', if there is one now.
pub(crate) fn take(rx: &mut dyn RxQueue) -> Outcome<Option<Vec<u8>>> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 1 << 17]);
    }
    BUFFER.with_borrow_mut(|buffer| {
        while let Some(received) = rx.recv(&mut [RxSlice::new(buffer)])? {
            ensure!(!received.truncated, "cut to {} bytes", buffer.len());
            let frame = &buffer[..received.length];
            if frame.get(12..14) == Some(&[0x88, 0xb5]) {
                return Ok(Some(frame.to_vec()));
            }
        }
        Ok(None)
    })
}

pub(crate) fn expect_nothing(rx: &mut dyn RxQueue) -> Outcome {
    let deadline = Instant::now() + SILENCE;
    loop {
        if let Some(frame) = take(rx)? {
            return Err(format!("a frame of {} bytes where none should be", frame.len()).into());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !ready(rx.source(), left)? {
            return Ok(());
        }
    }
}

pub(crate) fn same(found: &[u8], expected: &[u8]) -> Outcome {
    let lengths = (found.len(), expected.len());
    ensure!(
        lengths.0 == lengths.1,
        "{} bytes instead of {}",
        lengths.0,
        lengths.1
    );
    let wrong = found.iter().zip(expected).position(|(a, b)| a != b);
    ensure!(
        wrong.is_none(),
        "of {} bytes the first wrong one is {wrong:?}; the frames begin {:02x?} and {:02x?}",
        found.len(),
        &found[..found.len().min(14)],
        &expected[..expected.len().min(14)]
    );
    Ok(())
}

/// Opening this port has to fail with exactly these words.
pub(crate) fn refused(port: &str, words: &str) -> Outcome {
    match common::open(port) {
        Ok(_) => Err(format!("netmap:{port} was opened").into()),
        Err(error) => said(&error, words),
    }
}

pub(crate) fn said(error: &net_backend_core::Error, words: &str) -> Outcome {
    let found = error.to_string();
    ensure!(found == words, "it says\n  {found}\ninstead of\n  {words}");
    Ok(())
}
