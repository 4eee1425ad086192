use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use net_backend_core::{Error, Event, Interest, LinkState, Result, Source};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

use super::interface::Interface;
use super::netlink;

/// What happens to one interface, as the kernel tells it to everybody (rtnetlink(7)).
#[derive(Debug)]
pub(super) struct Link {
    netlink: OwnedFd,
    interface: Interface,
    index: i32,
    state: LinkState,
    pending: VecDeque<Event>,
}

impl Link {
    /// Listens to the interface `name`; `None` when it is not in this network namespace.
    pub(super) fn new(name: &str) -> Result<Option<Self>> {
        let interface = Interface::new(name)?;
        let Some(index) = interface.index() else {
            return Ok(None);
        };
        let netlink = listen(name)?;
        let state = state(interface.is_running().unwrap_or(false));
        Ok(Some(Self {
            netlink,
            interface,
            index,
            state,
            pending: VecDeque::new(),
        }))
    }

    /// The state as of the last event.
    pub(super) fn state(&self) -> LinkState {
        self.state
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.netlink.as_fd(),
            interest: Interest::Readable,
        }
    }

    pub(super) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.netlink.as_fd(), self.interface.descriptor()]
    }

    /// The next event; [`Event::Gone`] when the interface left this network namespace, which the caller checks.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        let mut buffer = [0; 16384];
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(self.taken(event));
            }
            match recv(&self.netlink, &mut buffer, RecvFlags::empty()) {
                Ok((_, length)) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    self.pending.extend(events(bytes, self.index));
                    self.merge();
                }
                // Messages were lost: the state is asked for, since nobody will tell it again.
                Err(Errno::NOBUFS) => self.ask(),
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// The caller found that the interface is gone indeed.
    pub(super) fn set_gone(&mut self) {
        self.state = LinkState::Down;
    }

    fn taken(&mut self, event: Event) -> Event {
        match event {
            Event::LinkUp => self.state = LinkState::Up,
            Event::LinkDown => self.state = LinkState::Down,
            _ => {}
        }
        event
    }

    fn ask(&mut self) {
        match self.interface.is_running() {
            Ok(running) => self.pending.push_back(link_event(running)),
            Err(_) => self.pending.push_back(Event::Gone),
        }
        self.merge();
    }

    /// Leaves out what changes nothing: the kernel tells about every change of an interface.
    fn merge(&mut self) {
        let mut before = link_event(self.state == LinkState::Up);
        self.pending.retain(|event| {
            let news = *event != before;
            before = *event;
            news
        });
    }
}

fn listen(name: &str) -> Result<OwnedFd> {
    let failure =
        |operation| move |errno: Errno| Error::system(operation, name, errno.into(), None);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let family = AddressFamily::NETLINK;
    // Without a protocol it is NETLINK_ROUTE, which is 0.
    let socket = socket_with(family, SocketType::RAW, flags, None)
        .map_err(failure("socket(NETLINK_ROUTE)"))?;
    // RTMGRP_LINK, as a bit mask.
    let group = libc::RTMGRP_LINK.unsigned_abs();
    bind(&socket, &SocketAddrNetlink::new(0, group)).map_err(failure("bind(RTMGRP_LINK)"))?;
    Ok(socket)
}

/// The events about interface `index` in a datagram of `struct nlmsghdr` and `struct ifinfomsg`.
fn events(mut bytes: &[u8], index: i32) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some((message, rest)) = split_message(bytes) {
        bytes = rest;
        events.extend(event(message, index));
    }
    events
}

/// The first message of a datagram, header included, and what follows at the next multiple of 4.
fn split_message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?);
    let length = usize::try_from(length).ok()?;
    if length < netlink::HEADER {
        return None;
    }
    let message = bytes.get(..length)?;
    let next = length.next_multiple_of(4).min(bytes.len());
    Some((message, bytes.get(next..)?))
}

fn event(message: &[u8], index: i32) -> Option<Event> {
    let kind = u16::from_ne_bytes(*message.get(4..)?.first_chunk()?);
    let info = message.get(netlink::HEADER..)?;
    // A bridge tells of its ports in messages of its own family, also when one leaves it.
    let about_us =
        *info.first()? == 0 && i32::from_ne_bytes(*info.get(4..)?.first_chunk()?) == index;
    let flags = u32::from_ne_bytes(*info.get(8..)?.first_chunk()?);
    match kind {
        _ if !about_us => None,
        libc::RTM_DELLINK => Some(Event::Gone),
        libc::RTM_NEWLINK => {
            let running = (libc::IFF_UP | libc::IFF_RUNNING).unsigned_abs();
            Some(link_event(flags & running == running))
        }
        _ => None,
    }
}

fn link_event(up: bool) -> Event {
    if up { Event::LinkUp } else { Event::LinkDown }
}

fn state(up: bool) -> LinkState {
    if up { LinkState::Up } else { LinkState::Down }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, family: u8, index: i32, flags: u32) -> Vec<u8> {
        let mut bytes = vec![0; 32];
        bytes[0..4].copy_from_slice(&32_u32.to_ne_bytes());
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[16] = family;
        bytes[20..24].copy_from_slice(&index.to_ne_bytes());
        bytes[24..28].copy_from_slice(&flags.to_ne_bytes());
        bytes
    }

    #[test]
    fn reads_what_concerns_the_interface() {
        let datagram = [
            message(libc::RTM_NEWLINK, 0, 7, 0x41),
            message(libc::RTM_NEWLINK, 0, 8, 0x41),
            message(libc::RTM_NEWLINK, 0, 7, 0x1),
            message(libc::RTM_DELLINK, 7, 7, 0x41),
            message(libc::RTM_DELLINK, 0, 7, 0),
        ]
        .concat();
        assert_eq!(
            events(&datagram, 7),
            [Event::LinkUp, Event::LinkDown, Event::Gone]
        );
    }

    #[test]
    fn no_cut_message_is_believed() {
        let whole = message(libc::RTM_DELLINK, 0, 7, 0);
        for length in 0..whole.len() {
            assert_eq!(events(&whole[..length], 7), [], "{length} bytes");
        }
        let mut short = whole;
        short[0..4].copy_from_slice(&3_u32.to_ne_bytes());
        assert_eq!(events(&short, 7), []);
    }
}
