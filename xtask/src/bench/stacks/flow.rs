//! One TCP connection of the guest (RFC 9293): what is where in both streams. No clock and no frames.

use std::fmt;

use super::arrived::Segment;
use super::frame::{MSS, flags};

/// The option of a SYN that says how long segments may be.
const OPTION_MSS: u8 = 2;
/// The option of a SYN that scales windows (RFC 7323).
const OPTION_SCALE: u8 = 3;
/// The largest scale there is (RFC 7323, 2.3).
const SCALE_MOST: u8 = 14;
/// So many acknowledgements of the same byte tell of a loss (RFC 5681).
const DUPLICATES: u32 = 3;

/// Options of the guest's SYN: an MSS of 1460, windows of 128 times the number.
pub(super) const SYN_OPTIONS: [u8; 8] = [2, 4, 0x05, 0xb4, 1, 3, 3, 7];

/// A connection that the guest opens.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// Guest and host.
    pub(super) ports: [u16; 2],
    /// The first byte that is not acknowledged.
    first: u32,
    /// The next byte to send.
    next: u32,
    /// The byte behind the last one that was ever sent.
    highest: u32,
    /// The byte behind the last one that the other side has room for.
    limit: u32,
    scale: u8,
    segment: u32,
    duplicates: u32,
    /// The next byte to receive.
    pub(super) expected: u32,
    /// Segments since the last acknowledgement.
    pending: u32,
    /// An acknowledgement must go out, and not only with the next data.
    pub(super) acknowledge: bool,
    pub(super) state: State,
    /// How often something had to be sent again.
    pub(super) retransmissions: u64,
}

/// Where the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The SYN is out.
    Opening,
    /// Both ways are open, as far as is known.
    Open,
    /// The host will send no more.
    HostClosed,
    /// The host wants to hear no more of it.
    Reset,
}

impl Flow {
    /// Nothing sent yet, not even the SYN.
    pub(super) fn new(ports: [u16; 2], initial: u32) -> Self {
        Self {
            ports,
            first: initial,
            next: initial,
            highest: initial,
            limit: initial.wrapping_add(1),
            scale: 0,
            segment: u32::from(MSS),
            duplicates: 0,
            expected: 0,
            pending: 0,
            acknowledge: false,
            state: State::Opening,
            retransmissions: 0,
        }
    }

    /// The next byte to send.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Payload of the longest segment that both sides like.
    pub(super) fn segment_size(&self) -> u32 {
        self.segment
    }

    /// How many bytes may be sent now.
    pub(super) fn room(&self) -> u32 {
        distance(self.next, self.limit)
    }

    /// How many bytes are on their way.
    pub(super) fn in_flight(&self) -> u32 {
        distance(self.first, self.next)
    }

    /// Bytes that were sent, SYN and FIN included, and are to be sent again.
    pub(super) fn behind(&self) -> u32 {
        distance(self.next, self.highest)
    }

    /// The byte behind the last one that was ever sent.
    pub(super) fn highest(&self) -> u32 {
        self.highest
    }

    /// How many bytes are left to send before `end`.
    pub(super) fn left_before(&self, end: u32) -> u32 {
        distance(self.next, end)
    }

    /// So many bytes were sent, with the acknowledgement that was due.
    pub(super) fn sent(&mut self, bytes: u32) {
        self.next = self.next.wrapping_add(bytes);
        self.highest = latest(self.highest, self.next);
        self.acknowledged();
    }

    /// The acknowledgement that was due went out.
    pub(super) fn acknowledged(&mut self) {
        self.pending = 0;
        self.acknowledge = false;
    }

    /// There is nothing else to do: what was received and not acknowledged yet must be.
    pub(super) fn settle(&mut self) {
        self.acknowledge |= self.pending > 0;
    }

    /// All that was not acknowledged has to be sent again.
    fn go_back(&mut self) {
        self.next = self.first;
        self.duplicates = 0;
        self.retransmissions += 1;
    }

    /// Nothing came for so long that something must be lost.
    pub(super) fn time_out(&mut self) {
        if self.in_flight() > 0 {
            self.go_back();
        } else if self.room() == 0 {
            // The news that the window is open, perhaps: ask with a segment (RFC 9293, 3.8.6.1).
            self.limit = self.next.wrapping_add(self.segment);
            self.retransmissions += 1;
        }
    }

    /// A segment of this connection came. Returns which part of its payload is new and next.
    pub(super) fn arrive<'a>(&mut self, segment: &Segment<'a>) -> &'a [u8] {
        if segment.flags & flags::RST != 0 {
            self.state = State::Reset;
            return &[];
        }
        if self.state == State::Opening {
            self.open(segment);
            return &[];
        }
        self.hear(segment);
        self.receive(segment)
    }

    fn open(&mut self, segment: &Segment<'_>) {
        let answer = flags::SYN | flags::ACK;
        if segment.flags & answer != answer || segment.acknowledged != self.next {
            return;
        }
        let size = segment.option(OPTION_MSS).map_or(536, u16::from_be_bytes);
        self.segment = u32::from(size.min(MSS));
        // Windows are scaled in both directions, or in none (RFC 7323, 2.2).
        self.scale = segment
            .option(OPTION_SCALE)
            .map_or(0, |[scale]| scale.min(SCALE_MOST));
        self.first = segment.acknowledged;
        self.limit = self.first.wrapping_add(u32::from(segment.window));
        self.expected = segment.sequence.wrapping_add(1);
        self.state = State::Open;
        self.acknowledge = true;
    }

    /// What the segment says about the guest's own stream.
    fn hear(&mut self, segment: &Segment<'_>) {
        let limit = segment
            .acknowledged
            .wrapping_add(u32::from(segment.window) << self.scale);
        let newly = distance(self.first, segment.acknowledged);
        if newly > 0 && newly <= distance(self.first, self.highest) {
            self.first = segment.acknowledged;
            self.next = latest(self.next, self.first);
            self.duplicates = 0;
        } else if newly == 0
            && segment.payload.is_empty()
            && limit == self.limit
            && self.in_flight() > 0
        {
            self.duplicates += 1;
            if self.duplicates == DUPLICATES {
                self.go_back();
                // Once is enough, until something new is acknowledged.
                self.duplicates = DUPLICATES + 1;
            }
        }
        self.limit = latest(self.limit, limit);
    }

    /// What the segment says about the host's stream.
    fn receive<'a>(&mut self, segment: &Segment<'a>) -> &'a [u8] {
        let has_end = segment.flags & flags::FIN != 0;
        if segment.payload.is_empty() && !has_end {
            return &[];
        }
        let known = distance(segment.sequence, self.expected);
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        let has_gap = distance(self.expected, segment.sequence) > 0;
        let fresh = match has_gap {
            true => &[],
            false => segment.payload.get(known..).unwrap_or_default(),
        };
        let length = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        self.expected = self.expected.wrapping_add(length);
        self.pending += 1;
        // Every second segment, and super-frames and whatever is not in order at once (RFC 9293, 3.8.6.3).
        self.acknowledge |= self.pending >= 2 || length > self.segment || fresh.is_empty();
        let end = segment
            .sequence
            .wrapping_add(u32::try_from(segment.payload.len()).unwrap_or(0));
        if has_end && self.expected == end && self.state == State::Open {
            self.expected = self.expected.wrapping_add(1);
            self.state = State::HostClosed;
            self.acknowledge = true;
        }
        fresh
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (flying, behind, room) = (self.in_flight(), self.behind(), self.room());
        write!(
            f,
            "{:?}, {flying} bytes not acknowledged, {behind} to send again, room for {room}",
            self.state
        )
    }
}

/// How far `to` is behind `from`; 0 when it is before it.
fn distance(from: u32, to: u32) -> u32 {
    let distance = to.wrapping_sub(from);
    if distance > u32::MAX / 2 { 0 } else { distance }
}

fn latest(one: u32, other: u32) -> u32 {
    one.wrapping_add(distance(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [u8; 3000] = [0; 3000];

    fn segment(sequence: u32, acknowledged: u32, flags: u8, payload: usize) -> Segment<'static> {
        Segment {
            ports: [80, 1025],
            sequence,
            acknowledged,
            flags,
            window: 10_000,
            options: &[],
            payload: &NOTHING[..payload],
        }
    }

    /// The guest's stream begins at 1000, the host's at 5000, near the end of the numbers if `far`.
    fn open(far: bool) -> (Flow, u32, u32) {
        let base = if far { u32::MAX - 500 } else { 999 };
        let mut flow = Flow::new([1025, 80], base);
        flow.sent(1);
        let mut answer = segment(base, base.wrapping_add(1), flags::SYN | flags::ACK, 0);
        answer.options = &[2, 4, 3, 0xe8];
        flow.arrive(&answer);
        assert_eq!(flow.state, State::Open);
        assert!(flow.acknowledge);
        flow.acknowledged();
        (flow, base.wrapping_add(1), base.wrapping_add(1))
    }

    #[test]
    fn the_other_side_says_how_much_and_how_long() {
        for far in [false, true] {
            let (mut flow, mine, its) = open(far);
            assert_eq!((flow.segment_size(), flow.room()), (1000, 10_000));
            flow.sent(3000);
            assert_eq!((flow.room(), flow.in_flight()), (7000, 3000));
            flow.arrive(&segment(its, mine.wrapping_add(2000), flags::ACK, 0));
            assert_eq!((flow.room(), flow.in_flight()), (9000, 1000));
        }
    }

    #[test]
    fn what_is_lost_is_sent_again() {
        let (mut flow, mine, its) = open(true);
        flow.sent(5000);
        for _ in 0..5 {
            flow.arrive(&segment(its, mine, flags::ACK, 0));
        }
        assert_eq!((flow.next(), flow.behind()), (mine, 5000));
        assert_eq!(flow.retransmissions, 1);
        flow.sent(1000);
        flow.arrive(&segment(its, mine.wrapping_add(5000), flags::ACK, 0));
        assert_eq!(
            (flow.behind(), flow.in_flight(), flow.room()),
            (0, 0, 10_000)
        );
    }

    #[test]
    fn every_second_segment_is_acknowledged_and_what_is_out_of_order_at_once() {
        let (mut flow, mine, its) = open(false);
        assert_eq!(
            flow.arrive(&segment(its, mine, flags::ACK, 1000)).len(),
            1000
        );
        assert!(!flow.acknowledge);
        // A gap.
        let later = segment(its.wrapping_add(2000), mine, flags::ACK, 1000);
        assert_eq!(flow.arrive(&later).len(), 0);
        assert!(flow.acknowledge);
        flow.acknowledged();
        // The first half of it is old.
        let overlap = segment(its.wrapping_add(500), mine, flags::ACK, 1000);
        assert_eq!(flow.arrive(&overlap).len(), 500);
        assert_eq!(flow.expected, its.wrapping_add(1500));
        flow.settle();
        assert!(flow.acknowledge);
        flow.acknowledged();
        let end = segment(its.wrapping_add(1500), mine, flags::ACK | flags::FIN, 3000);
        assert_eq!(flow.arrive(&end).len(), 3000);
        assert_eq!(flow.state, State::HostClosed);
        assert_eq!(flow.expected, its.wrapping_add(4501));
    }
}
