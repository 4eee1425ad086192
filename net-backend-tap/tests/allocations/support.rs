//! A tap, the host's side of it, and how often something asks for memory.

use std::env::consts::OS;
use std::fs::File;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libtest_mimic::Failed;
use net_backend_core::{
    Activation, Environment, Features, HeaderLength, NetBackend, QueuePair, Registry, Sent, TxSlice,
};
use net_backend_tap::DRIVER;
use net_backend_tap::testing::{Interface, PacketSocket, prepare_interfaces};

use crate::sys::allocations;

pub(crate) type Outcome = Result<(), Failed>;

/// How long a frame may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Frames on the way at the same time: fewer than a tap of FreeBSD holds.
pub(crate) const BURST: usize = 24;

/// Bursts that are counted.
const ROUNDS: usize = 50;

/// Why there are no taps, if there are none. First thing in `main`.
pub(crate) fn unavailable() -> Option<String> {
    let needed: &[&str] = match OS {
        "freebsd" => &["/dev/bpf"],
        _ => &["/dev/net/tun"],
    };
    let open = |path: &&str| {
        let opened = File::options().read(true).write(true).open(path);
        opened.map_err(|error| format!("{path}: {error}"))
    };
    let prepared = prepare_interfaces().map_err(|error| error.to_string());
    let opened = prepared.and_then(|()| needed.iter().try_for_each(|path| open(path).map(drop)));
    opened.err()
}

/// The complaint asks for memory, and is made only when it is needed.
pub(crate) fn ensure(condition: bool, complaint: impl FnOnce() -> String) -> Outcome {
    match condition {
        true => Ok(()),
        false => Err(complaint().into()),
    }
}

/// Runs a burst several times, and fails if one but the first asks for memory: what a half has of its own, it has from
/// then on.
pub(crate) fn asks_for_nothing(mut burst: impl FnMut() -> Result<u64, Failed>) -> Outcome {
    burst()?;
    for round in 0..ROUNDS {
        let asked = burst()?;
        ensure(asked == 0, || format!("round {round}: {asked} allocations"))?;
    }
    Ok(())
}

/// How often `work` asks for memory.
pub(crate) fn counted(work: impl FnOnce() -> Outcome) -> Result<u64, Failed> {
    let before = allocations();
    work()?;
    Ok(allocations() - before)
}

/// A count that never moves would show nothing.
pub(crate) fn what_asks_is_counted() -> Outcome {
    let asked = counted(|| {
        drop(std::hint::black_box(Box::new(1_u8)));
        Ok(())
    })?;
    ensure(asked == 1, || format!("{asked} allocations instead of 1"))
}

/// Frames of the same bytes, in `count` pieces of nearly the same length.
pub(crate) fn pieces(frame: &[u8], count: usize) -> Vec<TxSlice<'_>> {
    let each = frame.len().div_ceil(count);
    frame.chunks(each).map(TxSlice::new).collect()
}

/// A tap whose host's side is a packet socket. Dropped from top to bottom.
pub(crate) struct Bench {
    pub(crate) pair: QueuePair,
    _backend: Box<dyn NetBackend>,
    pub(crate) far: PacketSocket,
    _interface: Made,
    pub(crate) header: HeaderLength,
    /// What was negotiated.
    pub(crate) features: Features,
}

impl Bench {
    /// A tap of which as much is negotiated of `features` as it offers.
    pub(crate) fn new(
        options: &str,
        header: HeaderLength,
        features: Features,
    ) -> Result<Self, Failed> {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        // Not more digits than FreeBSD bears, and none of another process.
        let number = std::process::id() % 300 * 100 + TAKEN.fetch_add(1, Ordering::Relaxed);
        let prefix = if OS == "freebsd" { "tap" } else { "nba" };
        let uri = format!("tap:{prefix}{number}{options}");
        let mut backend = Registry::new([&DRIVER]).open(&uri, &Environment::default())?;
        let interface = Made(Interface::named(backend.describe().target()));
        interface.0.disable_ipv6()?;
        let with = Activation {
            header,
            features: features & backend.capabilities().features,
            ..Activation::plain()
        };
        let pair = backend.activate(&with)?.pop();
        Ok(Self {
            pair: pair.ok_or("no queue pair was made")?,
            _backend: backend,
            far: PacketSocket::plain(&interface.0)?,
            _interface: interface,
            header,
            features: with.features,
        })
    }

    /// A frame to everybody, of the local experimental EtherType 1, behind a header that asks for nothing.
    pub(crate) fn frame(&self, length: usize) -> Vec<u8> {
        let mut frame = vec![0; self.header.bytes()];
        frame.extend([0xff; 6]);
        frame.extend([2, 0, 0, 0, 0, 7, 0x88, 0xb5]);
        frame.resize(self.header.bytes() + length, 7);
        frame
    }

    /// Sends a burst of `frame`, all of which the tap takes: how often that asks for memory.
    pub(crate) fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<u64, Failed> {
        counted(|| {
            for _ in 0..BURST {
                let sent = self.pair.tx.send(frame)?;
                ensure(sent == Sent::Queued, || format!("{sent:?}"))?;
            }
            Ok(self.pair.tx.flush()?)
        })
    }

    /// Whether the next frames on the host's side are a burst of that length. The kernel may pad and cut what it likes.
    pub(crate) fn arrived(&self, length: usize) -> Outcome {
        let mut buffer = vec![0; 70_000];
        for _ in 0..BURST {
            let seen = self.far.receive(&mut buffer, PATIENCE)?;
            ensure(seen == Some(length), || {
                format!("{seen:?} and not {length}")
            })?;
        }
        Ok(())
    }
}

/// An interface that goes with this.
struct Made(Interface);

impl Drop for Made {
    fn drop(&mut self) {
        // On Linux a tap goes by itself.
        let _gone = self.0.delete();
    }
}
