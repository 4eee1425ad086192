//! A network of libslirp with a scripted guest in it.

use std::collections::VecDeque;
use std::iter;
use std::net::Ipv4Addr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::frames::{ACK, GATEWAY, Segment, arp_reply_of, arp_request};
use crate::sys::{Events, Host, Instance, Ipv4Settings, Ipv6Settings, Library, Poller, Settings};

/// Longer than anything takes on a machine that is not stuck.
const PATIENCE: Duration = Duration::from_secs(20);

/// Notes what libslirp tells.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) frames: VecDeque<Vec<u8>>,
    pub(crate) complaints: Vec<String>,
    pub(crate) registered: Vec<RawFd>,
    pub(crate) unregistered: Vec<RawFd>,
    pub(crate) wanted: Vec<(RawFd, Events)>,
    pub(crate) asked: usize,
    /// Panics at the next frame.
    pub(crate) panics: bool,
    ready: Vec<Events>,
}

impl Host for Recorder {
    fn send_packet(&mut self, frame: &[u8]) {
        assert!(!self.panics, "the host panics, as it was told to");
        self.frames.push_back(frame.to_vec());
    }

    fn guest_error(&mut self, message: &str) {
        self.complaints.push(message.to_owned());
    }

    fn register(&mut self, descriptor: RawFd) {
        self.registered.push(descriptor);
    }

    fn unregister(&mut self, descriptor: RawFd) {
        self.unregistered.push(descriptor);
    }

    fn notify(&mut self) {}

    fn want(&mut self, descriptor: RawFd, events: Events) -> i32 {
        self.wanted.push((descriptor, events));
        i32::try_from(self.wanted.len() - 1).expect("few sockets")
    }

    fn ready(&mut self, index: i32) -> Events {
        self.asked += 1;
        let index = usize::try_from(index).expect("an index");
        self.ready.get(index).copied().unwrap_or_default()
    }
}

/// The network that libslirp's users know.
pub(crate) fn settings() -> Settings<'static> {
    Settings {
        ipv4: Some(Ipv4Settings {
            network: Ipv4Addr::new(10, 0, 2, 0),
            mask: Ipv4Addr::new(255, 255, 255, 0),
            host: GATEWAY,
            dhcp_start: Ipv4Addr::new(10, 0, 2, 15),
            dns: Ipv4Addr::new(10, 0, 2, 3),
        }),
        ipv6: Some(Ipv6Settings {
            prefix: "fec0::".parse().expect("an address"),
            prefix_length: 64,
            host: "fec0::2".parse().expect("an address"),
            dns: "fec0::3".parse().expect("an address"),
        }),
        ..Settings::default()
    }
}

/// A network and its guest.
pub(crate) struct Guest {
    pub(crate) instance: Instance<Recorder>,
    poller: Poller,
}

impl Guest {
    /// A guest whose hardware address libslirp knows already.
    pub(crate) fn new(library: &Arc<Library>) -> Self {
        let instance = Instance::new(library, &settings(), Recorder::default());
        let mut guest = Self {
            instance: instance.expect("an instance"),
            poller: Poller::new().expect("a poller"),
        };
        guest.instance.input(&arp_request(GATEWAY));
        guest.expect(arp_reply_of);
        guest
    }

    pub(crate) fn send(&mut self, segment: &Segment) {
        self.instance.input(&segment.frame());
    }

    /// Lets libslirp work until a frame is what `find` looks for; forgets the frames before it.
    pub(crate) fn expect<T>(&mut self, find: impl Fn(&[u8]) -> Option<T>) -> T {
        let found = self.look(|guest| {
            let mut frames = iter::from_fn(|| guest.instance.host_mut().frames.pop_front());
            frames.find_map(|frame| find(&frame))
        });
        found.expect("a frame that did not come")
    }

    /// A segment from `peer` with all of these flags.
    pub(crate) fn segment(&mut self, flags: u8) -> Segment {
        self.expect(|frame| Segment::parse(frame).filter(|it| it.flags & flags == flags))
    }

    /// Opens a connection and returns its last segment, which acknowledged the other side's first.
    pub(crate) fn connect(&mut self, port: u16, peer: (Ipv4Addr, u16)) -> Segment {
        let mut segment = Segment {
            peer,
            port,
            sequence: 1000,
            acknowledgement: 0,
            flags: crate::frames::SYN,
            payload: Vec::new(),
        };
        self.send(&segment);
        let answer = self.segment(crate::frames::SYN | ACK);
        assert_eq!(answer.acknowledgement, 1001);
        segment.flags = ACK;
        segment.sequence = 1001;
        segment.acknowledgement = answer.sequence.wrapping_add(1);
        self.send(&segment);
        segment
    }

    /// Lets libslirp work until `done`.
    pub(crate) fn until(&mut self, done: impl Fn(&mut Self) -> bool) {
        let done = self.look(|guest| done(guest).then_some(()));
        done.expect("something that did not happen");
    }

    /// What libslirp waits for at the moment.
    pub(crate) fn wanted(&mut self) -> Vec<(RawFd, Events)> {
        self.instance.host_mut().wanted.clear();
        self.instance.fill(u32::MAX);
        self.instance.host().wanted.clone()
    }

    fn look<T>(&mut self, find: impl Fn(&mut Self) -> Option<T>) -> Option<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = find(self) {
                return Some(found);
            }
            if Instant::now() > end {
                return None;
            }
            self.turn();
        }
    }

    /// Waits a moment for what libslirp waits for, and lets it work.
    fn turn(&mut self) {
        let wanted = self.wanted();
        for (descriptor, events) in &wanted {
            self.poller.add(*descriptor, *events).expect("a socket");
        }
        let mut found = Vec::new();
        let wait = Some(Duration::from_millis(10));
        self.poller.wait(&mut found, wait).expect("a wait");
        let ready = wanted.iter().map(|(descriptor, events)| {
            let found = found.iter().find(|it| it.descriptor == *descriptor);
            found.map_or(Events::empty(), |it| it.events & *events)
        });
        self.instance.host_mut().ready = ready.collect();
        self.instance.poll(false);
        for (descriptor, _) in &wanted {
            self.poller.remove(*descriptor);
        }
    }
}
