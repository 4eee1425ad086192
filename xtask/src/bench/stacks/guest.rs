//! A guest with as much TCP as it takes to load a network stack, and no more: it must cost little beside what is
//! measured. Payload is constant, frames are made beforehand, and checksums of what arrives are only looked at in
//! [`Guest::verify`].

mod datagrams;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use datagrams::Flow;

use super::client::{Client, note};
use super::exchange::{self, Delivery};
use super::flow::State;
use super::frame::{Checksum, MSS, Template, flags};
use super::link::Link;
use super::stack::{Connection, PAYLOAD, Stack};

/// Segments in super-frames. 44 are the most that fit in the 16 bits of their length.
const SUPER_FRAMES: [usize; 5] = [44, 22, 11, 4, 1];
/// Bytes that are sent and compared in [`Guest::verify`].
const VERIFIED: usize = 4 << 20;

/// A guest.
pub(in crate::bench) struct Guest {
    stack: Stack,
    /// How it sends large data.
    checksum: Checksum,
    /// Where round trips are made.
    echo: Option<(Connection, Template)>,
    /// How often datagrams were sent or received.
    runs: u32,
}

impl Guest {
    /// Plugs the guest in.
    ///
    /// # Errors
    ///
    /// If nobody answers.
    pub(super) fn start(
        link: Box<dyn Link>,
        address: Ipv4Addr,
        gateway: Ipv4Addr,
        checksum: Checksum,
    ) -> Result<Self> {
        Ok(Self {
            stack: Stack::start(link, address, gateway)?,
            checksum,
            echo: None,
            runs: 0,
        })
    }

    /// Sends a few megabytes to the echo, all different, and compares what comes back, checksums included.
    ///
    /// # Errors
    ///
    /// If anything is not as it was.
    pub(super) fn verify(&mut self, port: u16) -> Result<()> {
        let data: Vec<u8> = pattern().take(VERIFIED).collect();
        self.stack.begin(Duration::ZERO);
        self.stack.be_careful(true);
        let mut connection = self.stack.connect(port)?;
        let beginning = connection.flow.next();
        let (mut back, mut same) = (0, true);
        while back < data.len() {
            let compare = &mut |piece: &[u8]| {
                same &= data.get(back..back + piece.len()) == Some(piece);
                back += piece.len();
            };
            let moved = self.stack.take_all(&mut connection, compare)?;
            ensure!(
                same,
                "what came back before byte {back} is not what was sent"
            );
            let flow = &connection.flow;
            let at = usize::try_from(flow.next().wrapping_sub(beginning))?;
            let length = flow.segment_size().min(flow.room());
            let rest = data.get(at..).unwrap_or_default();
            let piece = rest.get(..usize::try_from(length)?).unwrap_or(rest);
            let sent = !piece.is_empty()
                && self
                    .stack
                    .send_once(&mut connection, flags::ACK, &[], piece)?;
            self.stack.turn(&mut connection, moved || sent)?;
        }
        self.stack.close(connection)?;
        self.stack.be_careful(false);
        Ok(())
    }

    fn datagrams(&mut self, port: u16, length: usize) -> (Flow<'_>, u32) {
        self.runs += 1;
        (
            Flow::new(&mut self.stack, port, self.runs, length),
            self.runs,
        )
    }

    fn round_trip(&mut self, connection: &mut Connection, byte: &mut Template) -> Result<()> {
        let expected = connection.flow.expected.wrapping_add(1);
        let (mut moved, mut sent) = (false, false);
        while connection.flow.expected != expected {
            // The first time, and when it was lost.
            if !sent || connection.flow.behind() > 0 {
                sent = self.stack.send_template(&mut connection.flow, byte)?;
                moved |= sent;
            }
            self.stack.turn(connection, moved)?;
            moved = self.stack.take_all(connection, &mut |_| {})?;
        }
        Ok(())
    }

    /// Segments of all the sizes in which large data is sent, longest first.
    fn frames(&self, connection: &Connection) -> Result<Vec<Template>> {
        let segment = usize::try_from(connection.flow.segment_size())?;
        let is_offloaded = self.checksum == Checksum::Offloaded && segment == usize::from(MSS);
        let sizes: &[usize] = if is_offloaded { &SUPER_FRAMES } else { &[1] };
        let frames = sizes.iter().map(|size| {
            let payload = vec![PAYLOAD; size * segment];
            self.stack
                .template(&connection.flow, &payload, self.checksum)
        });
        Ok(frames.collect())
    }

    /// Sends as much as there is room for; whether that was anything.
    fn fill_window(
        &mut self,
        connection: &mut Connection,
        frames: &mut [Template],
    ) -> Result<bool> {
        let flow = &mut connection.flow;
        let mut sent = false;
        // A guest with super-frames waits until they are worth it: a third of the window, as Linux does.
        if frames.len() > 1 && flow.room() < (flow.room() + flow.in_flight()) / 3 {
            return Ok(false);
        }
        loop {
            let room = flow.room();
            let Some(frame) = frames.iter_mut().find(|frame| frame.payload() <= room) else {
                return Ok(sent);
            };
            if !self.stack.send_template(flow, frame)? {
                return Ok(sent);
            }
            sent = true;
        }
    }
}

impl Client for Guest {
    fn upload(&mut self, port: u16, duration: Duration) -> Result<u64> {
        self.stack.begin(duration);
        let mut connection = self.stack.connect(port)?;
        let beginning = connection.flow.next();
        let mut frames = self.frames(&connection)?;
        let start = Instant::now();
        while start.elapsed() < duration {
            let moved = self.stack.take_all(&mut connection, &mut |_| {})?;
            let sent = self.fill_window(&mut connection, &mut frames)?;
            self.stack.turn(&mut connection, moved || sent)?;
        }
        let bytes = connection.flow.highest().wrapping_sub(beginning);
        let closed = self.stack.close(connection);
        closed.context("waiting until the host has read everything")?;
        Ok(u64::from(bytes))
    }

    fn download(&mut self, port: u16, duration: Duration) -> Result<u64> {
        self.stack.begin(duration);
        let mut connection = self.stack.connect(port)?;
        let mut bytes = 0;
        while connection.flow.state == State::Open {
            let count = &mut |piece: &[u8]| bytes += piece.len() as u64;
            let moved = self.stack.take_all(&mut connection, count)?;
            self.stack.turn(&mut connection, moved)?;
        }
        self.stack.close(connection)?;
        Ok(bytes)
    }

    fn open_echo(&mut self, port: u16) -> Result<()> {
        self.stack.begin(Duration::ZERO);
        let connection = self.stack.connect(port)?;
        let byte = self.stack.template(&connection.flow, b"x", Checksum::Full);
        self.echo = Some((connection, byte));
        Ok(())
    }

    fn round_trips(&mut self, duration: Duration, took: &mut Vec<u32>) -> Result<u64> {
        self.stack.begin(duration);
        let (mut connection, mut byte) = self.echo.take().context("no connection is open")?;
        let (start, mut count) = (Instant::now(), 0);
        let mut last = start;
        while last.saturating_duration_since(start) < duration {
            self.round_trip(&mut connection, &mut byte)?;
            let now = Instant::now();
            note(took, now.saturating_duration_since(last));
            last = now;
            count += 1;
        }
        self.stack.close(connection)?;
        Ok(count)
    }

    fn connections(&mut self, port: u16, duration: Duration) -> Result<u64> {
        self.stack.begin(duration);
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < duration {
            let mut connection = self.stack.connect(port)?;
            let mut byte = self.stack.template(&connection.flow, b"x", Checksum::Full);
            self.round_trip(&mut connection, &mut byte)?;
            self.stack.close(connection)?;
            count += 1;
        }
        Ok(count)
    }

    fn hold(&mut self, port: u16, count: usize) -> Result<()> {
        for number in 0..count {
            self.stack.begin(Duration::ZERO);
            let mut open = || -> Result<()> {
                let mut connection = self.stack.connect(port)?;
                let mut byte = self.stack.template(&connection.flow, b"x", Checksum::Full);
                self.round_trip(&mut connection, &mut byte)?;
                self.stack.leave(connection)
            };
            open().with_context(|| format!("idle connection {number}"))?;
        }
        Ok(())
    }

    fn send_datagrams(&mut self, port: u16, length: usize, duration: Duration) -> Result<Delivery> {
        let (mut flow, run) = self.datagrams(port, length);
        exchange::upload(&mut flow, run, duration)
    }

    fn receive_datagrams(&mut self, port: u16, length: usize) -> Result<Delivery> {
        let (mut flow, run) = self.datagrams(port, length);
        exchange::download(&mut flow, run, length)
    }

    fn retransmissions(&self) -> u64 {
        self.stack.retransmissions()
    }

    fn process(&self) -> Option<u32> {
        self.stack.process()
    }
}

/// Bytes that do not repeat for long (xorshift).
fn pattern() -> impl Iterator<Item = u8> {
    let mut state = 0x2545_f491_u32;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    })
    .flatten()
}
