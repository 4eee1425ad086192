//! The conformance suite, run on the backends in memory.

mod layered;

use std::net::Ipv4Addr;
use std::process::ExitCode;

use layered::LayeredRig;
use net_backend_core::memory::{LOOPBACK, Loopback, NULL, Null, PairConfig, pair};
use net_backend_core::testing::{
    self, BackendPeer, Failure, NoPeer, Opened, Path, Ping, Rig, RigTraits, Station,
};
use net_backend_core::{
    Activation, BorrowedDescriptor, Capabilities, Counters, Driver, Error, Features, FrameLength,
    HeaderLength, MacAddr, NetBackend, QueuePair, Sent, Source, TxQueue, TxSlice, Uri, gather,
    total_length,
};

struct NullRig;

impl Rig for NullRig {
    fn name(&self) -> &str {
        "null"
    }

    fn traits(&self) -> RigTraits {
        RigTraits {
            path: Path::Nowhere,
            ..RigTraits::default()
        }
    }

    fn open(&self) -> Result<Opened, Failure> {
        Ok(Opened {
            backend: Box::new(Null::new()),
            peer: Box::new(NoPeer),
        })
    }

    fn driver(&self) -> Option<&'static Driver> {
        Some(&NULL)
    }
}

struct LoopbackRig {
    name: &'static str,
    config: PairConfig,
}

impl Rig for LoopbackRig {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        RigTraits {
            path: Path::Echo,
            max_frame: FrameLength::MAX.bytes(),
            window: self.config.capacity,
            fills: true,
            offloads: Features::OFFLOADS,
            steers: true,
            ..RigTraits::default()
        }
    }

    fn open(&self) -> Result<Opened, Failure> {
        Ok(Opened {
            backend: Box::new(Loopback::new(&self.config)?),
            peer: Box::new(NoPeer),
        })
    }

    fn driver(&self) -> Option<&'static Driver> {
        Some(&LOOPBACK)
    }
}

struct PairRig {
    name: &'static str,
    config: PairConfig,
}

impl Rig for PairRig {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        RigTraits {
            path: Path::Wire,
            max_frame: FrameLength::MAX.bytes(),
            window: self.config.capacity,
            fills: true,
            link: true,
            kill: true,
            offloads: self.config.features,
            steers: true,
            ..RigTraits::default()
        }
    }

    fn open(&self) -> Result<Opened, Failure> {
        let (near, far) = pair(&self.config)?;
        Ok(Opened {
            backend: Box::new(near),
            peer: Box::new(BackendPeer::new(Box::new(far))?),
        })
    }
}

/// A loopback that answers pings.
struct AnsweringRig;

const PING: Ping = Ping {
    guest: Station {
        mac: MacAddr::new([2, 0, 0, 0, 0, 1]),
        ip: Ipv4Addr::new(192, 0, 2, 1),
    },
    host: Station {
        mac: MacAddr::new([2, 0, 0, 0, 0, 2]),
        ip: Ipv4Addr::new(192, 0, 2, 2),
    },
};

impl Rig for AnsweringRig {
    fn name(&self) -> &str {
        "answering"
    }

    fn traits(&self) -> RigTraits {
        RigTraits {
            path: Path::Ping(PING),
            min_frame: 42,
            fills: true,
            steers: true,
            ..RigTraits::default()
        }
    }

    fn open(&self) -> Result<Opened, Failure> {
        let backend = Box::new(Loopback::new(&PairConfig::default())?);
        Ok(Opened {
            backend: Box::new(Answering(backend)),
            peer: Box::new(NoPeer),
        })
    }
}

struct Answering(Box<dyn NetBackend>);

impl NetBackend for Answering {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>, Error> {
        let pairs = self.0.activate(with)?.into_iter();
        let header = with.header;
        Ok(pairs
            .map(|QueuePair { rx, tx }| QueuePair {
                rx,
                tx: Box::new(AnsweringTx { tx, header }),
            })
            .collect())
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<(), Error> {
        self.0.set_receive_offloads(features)
    }

    fn describe(&self) -> Uri {
        self.0.describe()
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        self.0.descriptors()
    }
}

struct AnsweringTx {
    tx: Box<dyn TxQueue>,
    header: HeaderLength,
}

impl TxQueue for AnsweringTx {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent, Error> {
        let mut bytes = vec![0; total_length(frame)];
        gather(frame, 0, &mut bytes);
        let ethernet = bytes.get_mut(self.header.bytes()..).unwrap_or_default();
        if let Some((ping, _)) = ethernet.split_first_chunk_mut().filter(|it| is_ping(it.0)) {
            answer(ping);
        }
        self.tx.send(&[TxSlice::new(&bytes)])
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.tx.flush()
    }

    fn source(&self) -> Source<'_> {
        self.tx.source()
    }

    fn counters(&self) -> Counters {
        self.tx.counters()
    }
}

/// The headers of a ping: Ethernet, IP and ICMP.
type Headers = [u8; 42];

fn is_ping(headers: &Headers) -> bool {
    headers[12..14] == [8, 0] && headers[34] == 8
}

fn answer(ping: &mut Headers) {
    let question = *ping;
    for (from, to, length) in [(0, 6, 6), (6, 0, 6), (26, 30, 4), (30, 26, 4)] {
        let (into, from) = (ping.iter_mut().skip(to), question.iter().skip(from));
        into.zip(from)
            .take(length)
            .for_each(|(to, from)| *to = *from);
    }
    // The type goes from 8 to 0, which the checksum makes good for.
    ping[34] = 0;
    let (sum, carry) = u16::from_be_bytes([ping[36], ping[37]]).overflowing_add(0x0800);
    [ping[36], ping[37]] = (sum + u16::from(carry)).to_be_bytes();
}

fn loopback(name: &'static str, config: PairConfig) -> LoopbackRig {
    LoopbackRig { name, config }
}

fn pair_of(name: &'static str, config: PairConfig) -> PairRig {
    PairRig { name, config }
}

fn main() -> ExitCode {
    let usual = PairConfig::default();
    let queues = PairConfig {
        queue_pairs: 4,
        ..usual
    };
    let small = PairConfig {
        capacity: 2,
        ..usual
    };
    let plain = PairConfig {
        features: Features::empty(),
        ..usual
    };
    let mut rigs: Vec<Box<dyn Rig>> = vec![
        Box::new(NullRig),
        Box::new(loopback("loopback", usual)),
        Box::new(loopback("loopback/queues", queues)),
        Box::new(loopback("loopback/small", small)),
        Box::new(AnsweringRig),
        Box::new(pair_of("pair", usual)),
        Box::new(pair_of("pair/queues", queues)),
        Box::new(pair_of("pair/small", small)),
        Box::new(pair_of("pair/plain", plain)),
    ];
    let (zero, ten, twelve) = (HeaderLength::None, HeaderLength::Ten, HeaderLength::Twelve);
    let natives = [
        ("adapted/pair-0", "adapted/loopback-0", zero, false),
        ("adapted/pair-10", "adapted/loopback-10", ten, false),
        ("adapted/pair-12", "adapted/loopback-12", twelve, false),
        ("soft/pair-10", "soft/loopback-10", ten, true),
        ("soft/pair-12", "soft/loopback-12", twelve, true),
    ];
    for (pair, echo, native, is_soft) in natives {
        rigs.push(Box::new(LayeredRig {
            name: pair,
            inner: pair_of("pair", usual),
            native,
            is_soft,
        }));
        rigs.push(Box::new(LayeredRig {
            name: echo,
            inner: loopback("loopback", usual),
            native,
            is_soft,
        }));
    }
    testing::main(rigs)
}
