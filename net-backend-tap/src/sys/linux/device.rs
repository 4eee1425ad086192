use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use net_backend_core::frame_io::{FrameIo, LONGEST, ReceiveFailure};
use net_backend_core::{
    BorrowedDescriptor, Capabilities, Error, Event, Features, FrameLength, HeaderLength, Interest,
    LinkState, PeekCost, Result, RxSlice, Source,
};
use rustix::io::fcntl_dupfd_cloexec;

use super::failure::receive_failure;
use super::interface::Interface;
use super::link::Link;
use super::queue::Queue;
use super::{offload, open, request};
use crate::config::TapConfig;

/// An open tap with all its queues.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) config: TapConfig,
    pub(super) queues: Vec<AttachedQueue>,
    /// Whether frames carry the virtio-net header.
    pub(super) header: bool,
    /// Offloads that the kernel took when it was asked.
    pub(super) offered: Features,
    /// Whether the interface is a macvtap, so that the guest has to have its address.
    pub(super) borrows_address: bool,
    /// `None` when the interface is in another network namespace.
    pub(super) interface: Option<Interface>,
    pub(super) link: Option<Link>,
}

/// The descriptor of a queue.
#[derive(Debug)]
pub(super) struct AttachedQueue {
    pub(super) tun: OwnedFd,
    /// Whether the kernel gives it frames.
    pub(super) attached: bool,
}

impl Device {
    pub(crate) fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new("tap");
        capabilities.features = self.offered;
        capabilities.header_lengths = if self.header {
            &[HeaderLength::Ten, HeaderLength::Twelve]
        } else {
            &[HeaderLength::None]
        };
        capabilities.max_queue_pairs = u16::try_from(self.queues.len()).unwrap_or(u16::MAX);
        capabilities.max_frame = FrameLength::MAX;
        capabilities.mtu = self.interface.as_ref().and_then(Interface::mtu);
        let own = self.interface.as_ref().filter(|_| self.borrows_address);
        capabilities.mac = self.config.mac.or_else(|| own.and_then(Interface::mac));
        capabilities.peek = PeekCost::Copy;
        capabilities
    }

    pub(crate) fn queues(
        &mut self,
        count: u16,
        header: HeaderLength,
        features: Features,
    ) -> Result<Vec<(Queue, Queue)>> {
        self.attach(usize::from(count))?;
        for tun in self.attached() {
            if self.header {
                self.set_header(tun, header)?;
                self.set_offload(tun, features)?;
            }
            self.discard(tun)?;
        }
        self.attached()
            .map(|tun| {
                let half = |interest| self.half(tun, interest);
                Ok((half(Interest::Readable)?, half(Interest::Writable)?))
            })
            .collect()
    }

    pub(crate) fn set_receive_offloads(&self, features: Features) -> Result<()> {
        let mut with_header = self.attached().take_while(|_| self.header);
        with_header.try_for_each(|tun| self.set_offload(tun, features))
    }

    pub(crate) fn link(&self) -> LinkState {
        self.link.as_ref().map_or(LinkState::Up, Link::state)
    }

    pub(crate) fn events(&self) -> Option<Source<'_>> {
        self.link.as_ref().map(Link::source)
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let link = self.link.as_mut()?;
        loop {
            let event = link.next_event()?;
            let moved = event == Event::Gone
                && self.queues.iter().any(|queue| {
                    // The interface may only have gone to another network namespace; a macvtap cannot.
                    queue.attached && request::attached(queue.tun.as_fd()).is_ok()
                });
            if moved {
                continue;
            }
            if event == Event::Gone {
                link.set_gone();
            }
            return Some(event);
        }
    }

    pub(crate) fn queue_descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        self.queues.iter().map(|queue| queue.tun.as_fd())
    }

    pub(crate) fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        let interface = self.interface.iter().map(Interface::descriptor);
        let link = self.link.iter().flat_map(Link::descriptors);
        self.queue_descriptors()
            .chain(interface)
            .chain(link)
            .collect()
    }

    /// Has the kernel spread its frames over the first `count` queues, and over no others.
    fn attach(&mut self, count: usize) -> Result<()> {
        if self.queues.len() == 1 {
            return Ok(());
        }
        let failure = self.failure("TUNSETQUEUE");
        for (index, queue) in self.queues.iter_mut().enumerate() {
            let wanted = index < count;
            if queue.attached != wanted {
                request::set_queue(queue.tun.as_fd(), wanted).map_err(&failure)?;
                queue.attached = wanted;
            }
        }
        Ok(())
    }

    fn attached(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let attached = self.queues.iter().filter(|queue| queue.attached);
        attached.map(|queue| queue.tun.as_fd())
    }

    /// Always set, because a persistent or passed device keeps what its last user set; read back, because the
    /// frames would be misread otherwise.
    fn set_header(&self, tun: BorrowedFd<'_>, header: HeaderLength) -> Result<()> {
        let failure = |operation| self.failure(operation);
        let bytes = libc::c_int::try_from(header.bytes()).unwrap_or(libc::c_int::MAX);
        request::set_header_length(tun, bytes).map_err(failure("TUNSETVNETHDRSZ"))?;
        if cfg!(target_endian = "big") {
            request::set_little_endian(tun).map_err(failure("TUNSETVNETLE"))?;
        }
        match request::header_length(tun).map_err(failure("TUNGETVNETHDRSZ"))? {
            got if got == bytes => Ok(()),
            _ => Err(Error::Unsupported {
                what: format!("a header of {header} bytes on {}", self.name),
                reason: "the kernel took it and has another one",
            }),
        }
    }

    fn set_offload(&self, tun: BorrowedFd<'_>, features: Features) -> Result<()> {
        request::set_offload(tun, offload::mask(features)).map_err(self.failure("TUNSETOFFLOAD"))
    }

    /// What a refused request means, of a device that may be gone.
    fn failure(&self, operation: &'static str) -> impl Fn(io::Error) -> Error + use<> {
        let name = self.name.clone();
        move |cause| match is_gone(&cause) {
            true => Error::Gone {
                object: name.clone(),
                cause,
            },
            false => Error::system(operation, &name, cause, None),
        }
    }

    /// Throws away what was queued while nobody was active: it was made for the offloads of somebody else.
    fn discard(&self, tun: BorrowedFd<'_>) -> Result<()> {
        let mut queue = self.half(tun, Interest::Readable)?;
        let mut buffer = vec![0; LONGEST];
        for _ in 0..open::QUEUE_BOUND {
            match queue.read(&mut [RxSlice::new(&mut buffer)]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if is_gone(&error) => return Err(self.failure("readv")(error)),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn half(&self, tun: BorrowedFd<'_>, interest: Interest) -> Result<Queue> {
        let descriptor = fcntl_dupfd_cloexec(tun, 3)
            .map_err(|errno| Error::system("F_DUPFD_CLOEXEC", &self.name, errno.into(), None))?;
        Ok(Queue::new(descriptor, interest))
    }
}

fn is_gone(error: &io::Error) -> bool {
    receive_failure(error.raw_os_error().unwrap_or(0)) == ReceiveFailure::Gone
}
