//! What is done.

use std::time::Duration;

use net_backend::bench::Unit;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Work {
    /// One TCP flow from the guest.
    Upload,
    /// One TCP flow to the guest.
    Download,
    /// A byte there and back.
    RoundTrips,
    /// A connection, a byte there and back, and its end.
    Connections,
    /// Round trips, with and without idle connections.
    Idle,
    /// Datagrams from the guest, in frames of so many bytes.
    SendDatagrams(usize),
    /// Datagrams to the guest, in frames of so many bytes.
    ReceiveDatagrams(usize),
}

impl Work {
    /// Bytes of Ethernet, IPv4 and UDP header in a frame.
    pub(super) const HEADERS: usize = 42;

    /// Numbers of idle connections.
    pub(super) const IDLE: [u16; 6] = [0, 1, 10, 100, 400, 1000];

    /// All that is measured on one CPU.
    pub(super) const ALL: [Self; 9] = [
        Self::Upload,
        Self::Download,
        Self::RoundTrips,
        Self::Connections,
        Self::Idle,
        Self::SendDatagrams(64),
        Self::SendDatagrams(1514),
        Self::ReceiveDatagrams(64),
        Self::ReceiveDatagrams(1514),
    ];

    /// What is worth a look where somebody else's thread can do a part of it at the same time.
    pub(super) const PARALLEL: [Self; 3] = [Self::Upload, Self::Download, Self::RoundTrips];

    /// Section and name of its row.
    pub(super) fn name(self) -> String {
        match self {
            Self::Upload => "tcp upload".to_owned(),
            Self::Download => "tcp download".to_owned(),
            Self::RoundTrips => "tcp round trip".to_owned(),
            Self::Connections => "tcp connections".to_owned(),
            Self::Idle => "idle round trip beside idle connections".to_owned(),
            Self::SendDatagrams(length) => format!("udp upload {length} bytes"),
            Self::ReceiveDatagrams(length) => format!("udp download {length} bytes"),
        }
    }

    /// What is counted.
    pub(super) fn unit(self) -> Unit {
        match self {
            Self::Upload | Self::Download => Unit::Byte,
            Self::RoundTrips | Self::Idle => Unit::RoundTrip,
            Self::Connections => Unit::Connection,
            Self::SendDatagrams(_) | Self::ReceiveDatagrams(_) => Unit::Datagram,
        }
    }

    /// How long everybody goes on in each round.
    pub(super) fn duration(self) -> Duration {
        Duration::from_millis(match self {
            Self::Upload | Self::Download => 150,
            Self::Connections => 100,
            Self::SendDatagrams(_) | Self::ReceiveDatagrams(_) => 80,
            Self::RoundTrips => 60,
            Self::Idle => 40,
        })
    }

    /// How long one run goes on: two make a round, and one does when little time is to be spent.
    pub(super) fn run(self) -> Duration {
        self.duration() / 2
    }

    /// Whether super-frames make a difference.
    pub(super) fn is_bulk(self) -> bool {
        matches!(self, Self::Upload | Self::Download)
    }

    /// Bytes of the frames, where they are all the same.
    pub(super) fn frame(self) -> Option<usize> {
        match self {
            Self::SendDatagrams(length) | Self::ReceiveDatagrams(length) => Some(length),
            _ => None,
        }
    }

    /// How many connections are idle, one time after the other.
    pub(super) fn idle(self) -> &'static [u16] {
        match self {
            Self::Idle => &Self::IDLE,
            _ => &[0],
        }
    }
}
