use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use net_backend_core::frame_io::{FrameIo, LONGEST};
use net_backend_core::{
    BorrowedDescriptor, Capabilities, Error, Event, Features, FrameLength, HeaderLength, Interest,
    LinkState, PeekCost, Result, RxSlice, Source,
};
use rustix::io::fcntl_dupfd_cloexec;

use super::interface::Interfaces;
use super::link::Link;
use super::queue::Queue;
use super::{capability, request, rights};
use crate::config::TapConfig;

/// The longest frame that a tap takes: `TAPMRU` (sys/net/if_tap.h), to which the kernel adds the header.
const LONGEST_FRAME: FrameLength = FrameLength::new(65535);

/// More frames than the queue holds, so that emptying it comes to an end also under load.
const QUEUE_BOUND: usize = 65536;

/// An open tap.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) config: TapConfig,
    pub(super) tap: OwnedFd,
    pub(super) interfaces: Interfaces,
    /// `None` when the interface is in another jail, and when the process was in capability mode before.
    pub(super) link: Option<Link>,
    /// Whether frames may carry the virtio-net header.
    pub(super) header: bool,
    /// Whether the kernel knows the header at all, so that one may be set from before.
    pub(super) resettable: bool,
    /// Offloads that the interface has and that could be switched when it was opened.
    pub(super) offered: Features,
}

impl Device {
    pub(crate) fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new("tap");
        capabilities.features = self.offered;
        capabilities.header_lengths = if self.header {
            &HeaderLength::ALL
        } else {
            &[HeaderLength::None]
        };
        capabilities.max_frame = LONGEST_FRAME;
        capabilities.mtu = self.interfaces.mtu(&self.name);
        capabilities.mac = self.config.mac;
        capabilities.peek = PeekCost::SystemCall;
        capabilities
    }

    /// There is one queue, as the capabilities say.
    pub(crate) fn queues(
        &mut self,
        _: u16,
        header: HeaderLength,
        features: Features,
    ) -> Result<Vec<(Queue, Queue)>> {
        self.set_header(header)?;
        match self.set_receive_offloads(features) {
            // It moved to another jail since, where it cannot be switched; setting the header switched all off.
            Err(Error::System { cause, .. }) if cause.raw_os_error() == Some(libc::ENXIO) => {}
            switched => switched?,
        }
        self.discard(header)?;
        let half = |interest| self.half(interest, header);
        Ok(vec![(half(Interest::Readable)?, half(Interest::Writable)?)])
    }

    /// Switches interface capabilities, which needs root. They were only offered because that was allowed when the
    /// tap was opened; when the process gave root up since then, the kernel makes complete frames for a guest that
    /// would take others, which is right too. Only what the guest does not take must not stay on.
    pub(crate) fn set_receive_offloads(&self, features: Features) -> Result<()> {
        if self.offered.is_empty() {
            return Ok(());
        }
        // The interface may have another name by now.
        let name = request::name(self.tap.as_fd()).map_err(self.failure("TAPGIFNAME"))?;
        let enabled = || {
            let found = self.interfaces.capabilities(&name);
            found.map_err(self.failure("SIOCGIFCAP"))
        };
        let before = enabled()?.enabled;
        let wanted = capability::wanted(features);
        let refused = self
            .interfaces
            .enable(&name, before & !capability::RECEIVE | wanted);
        let too_much = enabled()?.enabled & capability::RECEIVE & !wanted;
        match refused {
            Err(error) if error.raw_os_error() != Some(libc::EPERM) || too_much != 0 => {
                let remedy = "needs root, as it had when the tap was opened";
                Err(Error::system("SIOCSIFCAP", &name, error, Some(remedy)))
            }
            Ok(()) if too_much != 0 => Err(Error::Unsupported {
                what: format!("fewer offloads on {name}"),
                reason: "the kernel took the request and left more of them on",
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn link(&self) -> LinkState {
        self.link.as_ref().map_or(LinkState::Up, Link::state)
    }

    pub(crate) fn events(&self) -> Option<Source<'_>> {
        self.link.as_ref().map(Link::source)
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let link = self.link.as_mut()?;
        link.next_event(self.tap.as_fd(), &self.interfaces)
    }

    pub(crate) fn queue_descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        std::iter::once(self.tap.as_fd())
    }

    pub(crate) fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        let others = [self.interfaces.descriptor()];
        let link = self.link.as_ref().map(Link::descriptor);
        self.queue_descriptors().chain(others).chain(link).collect()
    }

    /// By way of no header, which switches off whatever offloads were on, and needs no privilege
    /// (`tun_vnethdr_set` in sys/net/if_tuntap.c). Read back, because the frames would be misread otherwise.
    fn set_header(&self, header: HeaderLength) -> Result<()> {
        if !self.resettable {
            return Ok(());
        }
        let tap = self.tap.as_fd();
        let bytes = c_int::try_from(header.bytes()).unwrap_or(c_int::MAX);
        request::set_header_length(tap, 0).map_err(self.failure("TAPSVNETHDR"))?;
        request::set_header_length(tap, bytes).map_err(self.failure("TAPSVNETHDR"))?;
        match request::header_length(tap).map_err(self.failure("TAPGVNETHDR"))? {
            got if got == bytes => Ok(()),
            _ => Err(Error::Unsupported {
                what: format!("a header of {header} bytes on {}", self.name),
                reason: "the kernel took it and has another one",
            }),
        }
    }

    /// Throws away what was queued while nobody was active: it was made for the offloads of somebody else.
    fn discard(&self, header: HeaderLength) -> Result<()> {
        let mut queue = self.half(Interest::Readable, header)?;
        let mut buffer = vec![0; LONGEST];
        let mut left = QUEUE_BOUND;
        while left > 0 && queue.read(&mut [RxSlice::new(&mut buffer)]).is_ok() {
            left -= 1;
        }
        Ok(())
    }

    fn half(&self, interest: Interest, header: HeaderLength) -> Result<Queue> {
        let descriptor = fcntl_dupfd_cloexec(&self.tap, 3)
            .map_err(|errno| self.failure("F_DUPFD_CLOEXEC")(errno.into()))?;
        let limited = match interest {
            Interest::Readable => rights::limit_receive(descriptor.as_fd()),
            Interest::Writable => rights::limit_transmit(descriptor.as_fd()),
        };
        limited.map_err(self.failure("cap_rights_limit"))?;
        Ok(Queue::new(descriptor, interest, header))
    }

    fn failure(&self, operation: &'static str) -> impl Fn(io::Error) -> Error {
        let name = self.name.clone();
        move |error| Error::system(operation, &name, error, None)
    }
}
