//! Frames that are looked at or moved in place, beside frames that are copied.

use std::hint::black_box;

use anyhow::{Result, ensure};
use net_backend::bench::{Contestant, Unit};
use net_backend::{RxQueue, RxSlice, Sent, TxQueue, TxSlice};
use net_backend_netmap::testing::Model;
use net_backend_netmap::{Netmap, ReceiveQueue, Stopped, TransmitQueue};

use super::super::MakeCase;
use super::super::case::{Case, LIBRARY, Who, two};
use super::ends;
use super::model::{self, BATCH, BUFFER};

/// Frames of one run.
const FRAMES: usize = 12 * BATCH;
/// All cases of this file.
pub(super) fn cases() -> impl Iterator<Item = MakeCase> {
    let lengths = [64, 1514];
    let look = [Look::Peek, Look::Lend]
        .into_iter()
        .flat_map(move |look| lengths.map(|length| (look, length)));
    let look = look.map(|(look, length)| -> MakeCase {
        Box::new(move || Ok(Box::new(Looked::new(look, length)?)))
    });
    let has_kernel = std::path::Path::new("/dev/netmap").exists();
    let forward = [Place::Wires, Place::Pipes]
        .into_iter()
        .filter(move |place| *place == Place::Wires || has_kernel)
        .flat_map(move |place| lengths.map(|length| (place, length)))
        .map(|(place, length)| -> MakeCase {
            Box::new(move || Ok(Box::new(Forward::new(place, length)?)))
        });
    look.chain(forward)
}

/// What is done with a frame beside being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Its length is asked for before.
    Peek,
    /// It is not copied.
    Lend,
}

struct Looked {
    look: Look,
    length: usize,
    receive: ReceiveQueue,
    buffer: [u8; BUFFER],
    _port: (Netmap, TransmitQueue, Model),
}

impl Looked {
    fn new(look: Look, length: usize) -> Result<Self> {
        let model = model::kernel()?;
        model.generator("gen0", 1, 256, Some(u16::try_from(length)?));
        let (backend, receive, transmit) = model::queues(&model, "gen0")?;
        Ok(Self {
            look,
            length,
            receive,
            buffer: [0; BUFFER],
            _port: (backend, transmit, model),
        })
    }

    fn receive(&mut self) -> Result<usize> {
        let received = self.receive.recv(&mut [RxSlice::new(&mut self.buffer)])?;
        Ok(received.map_or(0, |it| it.length))
    }

    fn lend(&mut self) -> Result<usize> {
        let Some(frame) = self.receive.lend()? else {
            return Ok(0);
        };
        let length = frame.with_pieces(|pieces| black_box(pieces).iter().map(TxSlice::len).sum());
        frame.release();
        Ok(length)
    }
}

impl Case for Looked {
    fn name(&self) -> String {
        let length = self.length;
        match self.look {
            Look::Peek => format!("netmap look at {length} bytes before receiving"),
            Look::Lend => format!("netmap look at {length} bytes in place"),
        }
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn contestants(&self) -> Vec<Contestant> {
        let first = match self.look {
            Look::Peek => "peek and receive",
            Look::Lend => "lend and release",
        };
        two(first, "receive")
    }

    fn prepare(&mut self, _: Who) -> Result<()> {
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        for _ in 0..FRAMES {
            let length = match (contestant, self.look) {
                (LIBRARY, Look::Peek) => {
                    let peeked = self.receive.peek()?;
                    ensure!(peeked == Some(self.length), "{peeked:?}");
                    self.receive()?
                }
                (LIBRARY, Look::Lend) => self.lend()?,
                _ => self.receive()?,
            };
            ensure!(length == self.length, "{length} bytes came");
        }
        Ok(u64::try_from(FRAMES)?)
    }
}

/// From one port to another with the same memory.
struct Forward {
    place: Place,
    length: usize,
    /// Where frames come from.
    source: TransmitQueue,
    receive: ReceiveQueue,
    transmit: TransmitQueue,
    /// Where they go to.
    sink: ReceiveQueue,
    /// Frames that are to be there.
    expected: usize,
    buffer: [u8; BUFFER],
    _ports: Vec<Netmap>,
}

/// What is between the ports and those where frames come from and go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Wires of the kernel in the process.
    Wires,
    /// Pipes of a real kernel.
    Pipes,
}

impl Forward {
    fn new(place: Place, length: usize) -> Result<Self> {
        let model = model::kernel()?;
        let names = match place {
            Place::Wires => {
                model.wire(["source", "near"], 1, 1024);
                model.wire(["out", "sink"], 1, 1024);
                ["source", "near", "out", "sink"]
            }
            Place::Pipes => ["vale6:x}1", "vale6:x{1", "vale6:x{2", "vale6:x}2"],
        };
        let open = |name: &str| match place {
            Place::Wires => model::queues(&model, name),
            Place::Pipes => ends::open(name),
        };
        let [first, second, third, fourth] = names;
        let (source_port, _, source) = open(first)?;
        let (near, receive, _) = open(second)?;
        let (out, _, transmit) = open(third)?;
        let (sink_port, sink, _) = open(fourth)?;
        Ok(Self {
            place,
            length,
            source,
            receive,
            transmit,
            sink,
            expected: 0,
            buffer: [0; BUFFER],
            _ports: vec![source_port, near, out, sink_port],
        })
    }

    fn exchange(&mut self) -> Result<usize> {
        let mut count = 0;
        loop {
            let forwarded = self.transmit.forward(&mut self.receive, BATCH)?;
            count += forwarded.frames;
            match forwarded.stopped {
                Stopped::Limit => {}
                Stopped::Empty => return Ok(count),
                Stopped::Full => anyhow::bail!("no room"),
            }
        }
    }

    fn copy(&mut self) -> Result<usize> {
        let mut count = 0;
        while let Some(received) = self.receive.recv(&mut [RxSlice::new(&mut self.buffer)])? {
            let frame = self.buffer.get(..received.length).unwrap_or_default();
            let sent = self.transmit.send(&[TxSlice::new(frame)])?;
            ensure!(sent == Sent::Queued, "{sent:?}");
            count += 1;
        }
        Ok(count)
    }
}

impl Case for Forward {
    fn name(&self) -> String {
        match self.place {
            Place::Wires => format!("netmap from port to port, {} bytes", self.length),
            Place::Pipes => format!("netmap from pipe to pipe, {} bytes", self.length),
        }
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn contestants(&self) -> Vec<Contestant> {
        two("exchange of buffers", "copies")
    }

    fn remarks(&self) -> Vec<String> {
        vec!["rates of frames, without the synchronisation of the second port".to_owned()]
    }

    fn prepare(&mut self, _: Who) -> Result<()> {
        self.transmit.flush()?;
        let mut arrived = 0;
        while self.sink.recv(&mut [])?.is_some() {
            arrived += 1;
        }
        ensure!(
            arrived == self.expected,
            "{arrived} of {} frames arrived",
            self.expected
        );
        // Slots of a NIC come back with the next frame.
        let frame = model::frame(self.length, 1);
        send(&mut self.transmit, &frame, 1)?;
        send(&mut self.source, &frame, FRAMES)?;
        self.expected = FRAMES + 1;
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let count = match contestant {
            LIBRARY => self.exchange()?,
            _ => self.copy()?,
        };
        ensure!(count == FRAMES, "{count} of {FRAMES} frames came");
        Ok(u64::try_from(count)?)
    }
}

fn send(tx: &mut TransmitQueue, frame: &[u8], count: usize) -> Result<()> {
    for _ in 0..count {
        let sent = tx.send(&[TxSlice::new(frame)])?;
        ensure!(sent == Sent::Queued, "{sent:?}");
    }
    Ok(tx.flush()?)
}
