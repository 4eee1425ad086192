//! What outlives a port, a process or an interface, and must not harm those who come after.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use net_backend_core::testing::{Edge, ready};
use net_backend_core::{
    Activation, Features, HeaderFlags, HeaderLength, NetBackend, RxQueue, RxSlice, Segmentation,
    Sent, TxSlice, VirtioNetHeader,
};
use net_backend_tap::testing::Interface;

use crate::common::{self, Wire, sys};
use crate::support::{
    Active, Case, Outcome, PATIENCE, SILENCE, ensure, frame, halves, open_netmap, program,
};
use crate::sys::RawPort;

pub(crate) const CASES: &[Case] = &[
    Case::new("enduring/long-frames-on-edges", long_frames_on_edges),
    Case::new("enduring/segments-after-a-header", segments_after_a_header),
    Case::new("enduring/interface-made-again", made_again),
    Case::new(
        "enduring/killed-with-extra-buffers",
        killed_with_extra_buffers,
    ),
];

/// Short rings, frames that nearly fill them, and a receiver that only an edge wakes: neither waits for the other for
/// ever.
fn long_frames_on_edges() -> Outcome {
    let id = common::unique();
    for slots in [8, 16, 32, 64] {
        let [near, far] = ["{1", "}1"].map(|end| format!("vale{id}:b{end}?slots={slots}"));
        let (mut near, mut far) = (Active::new(&near)?, Active::new(&far)?);
        let edge = Edge::new(far.pairs[0].rx.source())?;
        // One slot is never used, and a frame is never longer than 64 KiB.
        let longest = 2048 * (slots - 1).min(31);
        let lengths = [60, 60, longest, 60, longest, longest, 60, 60, 60];
        let lengths: Vec<_> = lengths.into_iter().cycle().take(900).collect();
        let mut received = Vec::new();
        for (number, &length) in (0..).zip(&lengths) {
            pass(&mut near, &frame(number, length), || {
                receive_on(&edge, &mut far, &mut received)
            })
            .map_err(|error| {
                let what = error.message().unwrap_or_default();
                format!("{slots} slots, frame {number} of {length} bytes: {what}")
            })?;
        }
        let deadline = Instant::now() + PATIENCE;
        while received.len() < lengths.len() {
            ensure!(Instant::now() < deadline, "{} came", received.len());
            receive_on(&edge, &mut far, &mut received)?;
        }
        ensure!(received == lengths, "{slots} slots: others came");
    }
    Ok(())
}

/// Sends a frame, with a receiver that looks when it is woken.
fn pass(near: &mut Active, bytes: &[u8], mut receive: impl FnMut() -> Outcome) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    let tx = &mut near.pairs[0].tx;
    loop {
        let sent = tx.send(&[TxSlice::new(bytes)])?;
        tx.flush()?;
        receive()?;
        match sent {
            Sent::Queued => return Ok(()),
            Sent::Busy { .. } => {
                ensure!(Instant::now() < deadline, "no room is ever made");
                ready(tx.source(), Duration::ZERO)?;
            }
            Sent::Dropped(reason) => return Err(format!("dropped: {reason:?}").into()),
        }
    }
}

/// Receives everything if there was an edge, and notes the lengths.
fn receive_on(edge: &Edge, far: &mut Active, lengths: &mut Vec<usize>) -> Outcome {
    if edge.wait(Duration::ZERO)? {
        while let Some(bytes) = crate::support::take(&mut *far.pairs[0].rx)? {
            lengths.push(bytes.len());
        }
    }
    Ok(())
}

/// Bytes of the headers of a TCP/IPv4 frame, and behind them.
const HEADERS: usize = 54;
const PAYLOAD: usize = 5986;
const LONGEST: usize = 1514;

/// A guest without offloads gets segments that fit into its interface, also behind one that had offloads.
fn segments_after_a_header() -> Outcome {
    let id = common::unique();
    let with = Activation {
        header: HeaderLength::Twelve,
        features: Features::CSUM | Features::HOST_TSO4,
        ..Activation::plain()
    };
    let mut sender = open_netmap(&format!("vale{id}:a"))?;
    let mut sending = sender.activate(&with)?.remove(0);
    let mut port = open_netmap(&format!("vale{id}:b"))?;
    for before in [None, Some(with)] {
        if let Some(before) = before {
            drop(port.activate(&before)?);
        }
        let mut pair = port.activate(&Activation::plain())?.remove(0);
        let sent = sending.tx.send(&[TxSlice::new(&super_frame())])?;
        ensure!(sent == Sent::Queued, "{sent:?}");
        sending.tx.flush()?;
        let (mut lengths, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        let payload = |lengths: &[usize]| lengths.iter().map(|it| it - HEADERS).sum::<usize>();
        let deadline = Instant::now() + PATIENCE;
        while payload(&lengths) < PAYLOAD && Instant::now() < deadline {
            match pair.rx.recv(&mut [RxSlice::new(&mut buffer)])? {
                Some(received) => lengths.push(received.length),
                None => drop(ready(pair.rx.source(), SILENCE)?),
            }
        }
        let fit = lengths.iter().all(|length| *length <= LONGEST);
        ensure!(
            fit && payload(&lengths) == PAYLOAD,
            "a header before: {}; frames of {lengths:?} bytes",
            before.is_some()
        );
    }
    Ok(())
}

/// A TCP/IPv4 frame to everybody, behind a header that asks for segments.
fn super_frame() -> Vec<u8> {
    let header = VirtioNetHeader {
        flags: HeaderFlags::NEEDS_CSUM,
        segmentation: Segmentation::Tcp4,
        header_length: 54,
        segment_size: 1448,
        checksum_start: 34,
        checksum_offset: 16,
        ..VirtioNetHeader::default()
    };
    let mut bytes = header.encode().to_vec();
    let begin = bytes.len();
    bytes.extend([0xff; 6]);
    bytes.extend([2, 0, 0, 0, 0, 1, 0x08, 0x00]);
    bytes.extend([0x45, 0, 0x17, 0x8a, 0, 0, 0, 0, 64, 6, 0, 0]);
    bytes.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend([
        0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0,
    ]);
    bytes.resize(begin + HEADERS + PAYLOAD, 7);
    bytes
}

/// Another interface under the name of one that was deleted is another one: the port is gone, and says so.
fn made_again() -> Outcome {
    let mut wire = Wire::new()?;
    let names = [wire.near().to_owned(), wire.far().to_owned()];
    let mut port = Active::new(wire.near())?;
    port.send(&frame(1, 60))?;
    wire.unplug();
    let again = Again(sys::add_wire(names, 1)?);
    for end in &again.0 {
        Interface::named(end).set_up()?;
    }
    let deadline = Instant::now() + PATIENCE;
    let bytes = frame(2, 60);
    let is_gone = |result: net_backend_core::Result<()>| result.is_err_and(|it| it.is_gone());
    let pair = &mut port.pairs[0];
    while !is_gone(
        pair.tx
            .send(&[TxSlice::new(&bytes)])
            .and_then(|_| pair.tx.flush()),
    ) {
        ensure!(Instant::now() < deadline, "it goes on sending");
    }
    while !is_gone(pair.rx.peek().map(drop)) {
        ensure!(Instant::now() < deadline, "it goes on receiving");
    }
    let (mut near, mut far) = (Active::new(&again.0[0])?, Active::new(&again.0[1])?);
    near.send(&frame(3, 60))?;
    far.expect(&frame(3, 60))?;
    ensure!(is_gone(port.pairs[0].rx.peek().map(drop)), "it came back");
    Ok(())
}

/// Interfaces that go when this does.
struct Again([String; 2]);

impl Drop for Again {
    fn drop(&mut self) {
        if let Some(deleting) = sys::delete(&self.0[0]) {
            sys::forget(deleting);
        }
    }
}

/// Tells this program that it is the one to be killed, and which port to open.
const PORT: &str = "NET_BACKEND_NETMAP_KILLED";
/// Its extra buffers; slots of its ring are far fewer.
const EXTRA: usize = 200;
/// Frames that it receives before that. By then the first of the list of extra buffers has been in the ring, and the
/// frame that was received into it is kept.
const FRAMES: usize = 300;

pub(crate) fn is_to_be_killed() -> bool {
    std::env::var_os(PORT).is_some()
}

/// The process to be killed: keeps the last frames, as many as it has extra buffers, says so and waits.
pub(crate) fn to_be_killed() -> ExitCode {
    match keep_frames(&std::env::var(PORT).unwrap_or_default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{}", error.message().unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn keep_frames(port: &str) -> Outcome {
    let (mut rx, _tx) = halves(port)?;
    println!("open");
    let mut kept = VecDeque::new();
    for number in 0..FRAMES {
        if number >= EXTRA {
            kept.pop_front();
        }
        while rx.peek()?.is_none() {
            ensure!(ready(rx.source(), PATIENCE)?, "{number} frames came");
        }
        let lent = rx.lend()?.ok_or("no frame is lent")?;
        kept.push_back(lent.take()?.ok_or("no buffer for it")?);
    }
    println!("full");
    let _ended = std::io::stdin().lines().count();
    Ok(())
}

/// What lies in extra buffers are frames of others by then, and no numbers of buffers to be freed.
fn killed_with_extra_buffers() -> Outcome {
    let id = common::unique();
    let wires = (Wire::new()?, Wire::new()?);
    let victim = RawPort::open(wires.0.near())?;
    let victims: BTreeSet<u32> = victim.buffers().into_iter().collect();
    let mut far = Active::new(&format!("vale{id}:far"))?;
    let mut child = Doomed::start(&format!("vale{id}:near@1?slots=16&extra-bufs={EXTRA}"))?;
    child.says("open")?;
    let is_full = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| send_numbers(&mut far, &victims, &is_full));
        let said = child.says("full");
        is_full.store(true, Ordering::Relaxed);
        sender.join().map_err(|_| "the sender panicked")??;
        said
    })?;
    drop(child);
    drop(far);
    let third = RawPort::open(wires.1.near())?;
    let third: BTreeSet<u32> = third.buffers().into_iter().collect();
    let shared: Vec<_> = third.intersection(&victims).collect();
    ensure!(shared.is_empty(), "two ports have the buffers {shared:?}");
    Ok(())
}

/// Sends frames whose first bytes, where a list of buffers has its next one, are the number of one of these.
fn send_numbers(far: &mut Active, numbers: &BTreeSet<u32>, is_over: &AtomicBool) -> Outcome {
    for number in numbers.iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let mut bytes = frame(*number, 60);
        bytes[..4].copy_from_slice(&number.to_ne_bytes());
        far.send(&bytes)?;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

struct Doomed {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Doomed {
    fn start(port: &str) -> Outcome<Self> {
        let mut command = Command::new(program()?);
        command.env(PORT, port);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        Ok(Self {
            child,
            output: BufReader::new(output),
        })
    }

    fn says(&mut self, expected: &str) -> Outcome {
        let mut said = String::new();
        self.output.read_line(&mut said)?;
        ensure!(said.trim() == expected, "the other process says {said}");
        Ok(())
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}
