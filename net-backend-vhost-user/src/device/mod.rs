//! A virtio-net device whose frames go to a backend.

mod channel;
mod control_queue;
mod frontend;
mod pair;
mod threads;

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{fmt, io};

use net_backend::{
    Activation, Capabilities, Event, Features, HeaderLength, LinkState, MacAddr, Mtu, NetBackend,
};
use vhost_user_backend::bitmap::BitmapMmapRegion;
use vhost_user_backend::{VringEpollHandler, VringMutex};
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use crate::config_space::ConfigSpace;
use crate::features;
use channel::Channel;
use pair::{Pair, Poller};
use threads::{Listener, Threads};

/// Guest memory as a frontend shares it, with the dirty pages that it wants to know.
pub type Memory = GuestMemoryMmap<BitmapMmapRegion>;

/// A virtqueue as `vhost-user-backend` keeps it.
pub type Vring = VringMutex<GuestMemoryAtomic<Memory>>;

/// What a device looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceOptions {
    /// Queue pairs that are shown to the driver; those that the backend has at most, if `None`.
    pub pairs: Option<u16>,
    /// The NIC's address; the backend's if it has one, if `None`.
    pub mac: Option<MacAddr>,
    /// Threads that serve the pairs, which are dealt to them in turn; one for each pair, if `None` or more than pairs.
    pub threads: Option<u16>,
}

/// A virtio-net device behind a vhost-user connection: what [`vhost_user_backend::VhostUserDaemon`] serves.
///
/// It has a thread for each queue pair, or [fewer](DeviceOptions::threads), which `vhost-user-backend` makes. Backend and device outlive connections: a frontend that
/// comes back finds the same network. What goes wrong with a guest or a frontend is counted and told, and ends nothing.
pub struct Device {
    capabilities: Capabilities,
    mac: Option<MacAddr>,
    pairs: Vec<Mutex<Option<Pair>>>,
    threads: Threads,
    control: Mutex<Control>,
    memory: GuestMemoryAtomic<Memory>,
    refused: AtomicU64,
    tell: Box<dyn Fn(&str) + Send + Sync>,
}

/// What is shared by the threads, and rarely needed.
struct Control {
    backend: Box<dyn NetBackend>,
    acknowledged: u64,
    /// Which pairs' rings the driver uses.
    in_use: Vec<bool>,
    /// Pairs that the driver asked for on the control queue.
    asked: Option<u16>,
    /// Offloads to receive with that the driver asked for there, while it did.
    offloads: Option<Features>,
    /// Pairs that are active.
    active: u16,
    /// The threads of this connection.
    pollers: Vec<Weak<VringEpollHandler<Arc<Device>>>>,
    /// What ends them. It is there until all have seen it.
    exit: Option<EventFd>,
    is_gone: bool,
    /// For what the frontend does not ask for, if it listens.
    channel: Option<Channel>,
}

impl Device {
    /// A device for this backend, which is not active. `tell` is called with what goes wrong, from any thread.
    ///
    /// # Errors
    ///
    /// [`net_backend::Error::QueuePairs`] if more pairs are to be shown than the backend has.
    pub fn new(
        backend: Box<dyn NetBackend>,
        options: &DeviceOptions,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> net_backend::Result<Self> {
        let capabilities = backend.capabilities().clone();
        let most = capabilities.max_queue_pairs.min(Self::MOST_PAIRS);
        let pairs = options.pairs.unwrap_or(most);
        if pairs == 0 || pairs > most {
            return Err(net_backend::Error::QueuePairs {
                scheme: capabilities.scheme,
                asked: pairs,
                most,
            });
        }
        Ok(Self {
            mac: options.mac.or(capabilities.mac),
            pairs: (0..pairs).map(|_| Mutex::new(None)).collect(),
            threads: Threads::new(pairs, options.threads.unwrap_or(pairs)),
            control: Mutex::new(Control {
                backend,
                acknowledged: 0,
                in_use: vec![false; pairs.into()],
                asked: None,
                offloads: None,
                active: 0,
                pollers: Vec::new(),
                exit: None,
                is_gone: false,
                channel: None,
            }),
            memory: GuestMemoryAtomic::new(Memory::new()),
            refused: AtomicU64::new(0),
            tell: Box::new(tell),
            capabilities,
        })
    }

    /// Queue pairs at most: the mask of a thread's queues has 64 bits (`vhost-user-backend`).
    const MOST_PAIRS: u16 = 31;

    /// Queue pairs that are shown to the driver.
    #[must_use]
    pub fn queue_pairs(&self) -> u16 {
        u16::try_from(self.pairs.len()).unwrap_or(Self::MOST_PAIRS)
    }

    /// The guest's memory, for [`VhostUserDaemon::new`](vhost_user_backend::VhostUserDaemon::new).
    #[must_use]
    pub fn memory(&self) -> GuestMemoryAtomic<Memory> {
        self.memory.clone()
    }

    /// Chains of the driver's that were not frames, or frames that the backend refused, since the beginning.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Says which threads serve the connection that begins: those of
    /// [`VhostUserDaemon::get_epoll_handlers`](vhost_user_backend::VhostUserDaemon::get_epoll_handlers).
    ///
    /// They end with [`disconnected`](Self::disconnected), which the daemon waits for when it is dropped.
    ///
    /// # Errors
    ///
    /// When the process has no descriptors left. The threads cannot be ended then.
    pub fn connected(&self, threads: &[Arc<VringEpollHandler<Arc<Self>>>]) -> io::Result<()> {
        let mut control = self.control();
        // `vhost-user-backend` has a way of its own, which costs a descriptor for each thread of each connection for ever.
        let exit = control.exit.insert(EventFd::new(EFD_NONBLOCK)?);
        for thread in threads {
            let event = self.threads.number(Listener::Exit).into();
            thread.register_listener(exit.as_raw_fd(), EventSet::IN, event)?;
        }
        control.pollers = threads.iter().map(Arc::downgrade).collect();
        let poller = Poller::new(&control, 0);
        if let (Some(source), Some(poller)) = (control.backend.events(), poller) {
            poller.watch(source, self.threads.number(Listener::Events));
        }
        Ok(())
    }

    /// Ends what the connection began: the queues stop, their threads end, and nothing is negotiated any more.
    pub fn disconnected(&self) {
        let mut control = self.control();
        self.reset(&mut control);
        if let (Some(source), Some(poller)) = (control.backend.events(), Poller::new(&control, 0)) {
            poller.forget(source, self.threads.number(Listener::Events));
        }
        control.pollers.clear();
        control.channel = None;
        if let Some(exit) = &control.exit {
            // It fails only when it was written to very often.
            let _full = exit.write(1);
        }
        drop(control);
        let memory = self.memory.lock();
        // Not the guest's any more.
        memory
            .unwrap_or_else(PoisonError::into_inner)
            .replace(Memory::new());
    }

    /// Tells what went wrong.
    pub(crate) fn tell(&self, what: &str) {
        (self.tell)(what);
    }

    fn reset(&self, control: &mut Control) {
        control.in_use.fill(false);
        control.asked = None;
        control.offloads = None;
        control.acknowledged = 0;
        self.settle(control);
    }

    /// Makes as many pairs active as the driver uses, if there are not so many.
    fn settle(&self, control: &mut Control) {
        let in_use = control.in_use.iter().take_while(|it| **it).count();
        let in_use = u16::try_from(in_use).unwrap_or(Self::MOST_PAIRS);
        let wanted = in_use.min(control.asked.unwrap_or(in_use));
        if wanted == control.active || control.is_gone {
            return;
        }
        let mut slots: Vec<_> = self.pairs.iter().map(lock).collect();
        for (index, slot) in slots.iter_mut().enumerate() {
            if let Some(pair) = slot.take() {
                pair.end(Poller::new(control, index).as_ref());
            }
        }
        control.active = 0;
        if wanted == 0 {
            return;
        }
        let nic = features::of_nic(control.acknowledged);
        let offloads = control.offloads.unwrap_or(Features::RECEIVE_OFFLOADS);
        let others = nic - Features::RECEIVE_OFFLOADS;
        let with = Activation::negotiated(nic & (offloads | others), wanted);
        match control.backend.activate(&with) {
            Ok(pairs) => {
                control.active = wanted;
                let longest = self.longest(with.header);
                for (index, (slot, queues)) in slots.iter_mut().zip(pairs).enumerate() {
                    let mut pair = Pair::new((index, self.threads), queues, nic, longest);
                    pair.begin(Poller::new(control, index).as_ref());
                    **slot = Some(pair);
                }
            }
            Err(error) => (self.tell)(&format!("cannot activate {wanted} queue pairs: {error}")),
        }
    }

    /// Bytes of the longest frame that the driver can be given, header included.
    fn longest(&self, header: HeaderLength) -> usize {
        self.capabilities.max_frame.buffer_length(header)
    }

    /// Tells the frontend by this socket from now on, when the link goes up or down.
    pub(crate) fn talk_to_frontend(&self, socket: OwnedFd) {
        self.control().channel = Some(Channel::new(socket));
    }

    /// Takes what the backend has to tell.
    fn take_events(&self) {
        let mut control = self.control();
        let mut is_other = false;
        while let Some(event) = control.backend.next_event() {
            is_other = true;
            if event == Event::Gone {
                control.is_gone = true;
                (self.tell)("the backend is gone");
            }
        }
        if let (true, Some(channel)) = (is_other, &control.channel) {
            channel.tell_of_config();
        }
    }

    fn config_space(&self) -> ConfigSpace {
        let control = self.control();
        let link = match control.is_gone {
            true => LinkState::Down,
            false => control.backend.link(),
        };
        ConfigSpace {
            mac: self.mac,
            link,
            pairs: self.queue_pairs(),
            mtu: self.mtu(),
        }
    }

    fn mtu(&self) -> Option<Mtu> {
        self.capabilities.mtu
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        lock(&self.control)
    }

    fn queues(&self) -> usize {
        2 * self.pairs.len() + 1
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("capabilities", &self.capabilities)
            .field("pairs", &self.pairs.len())
            .finish_non_exhaustive()
    }
}

/// A panic of another thread leaves nothing half done that matters here: queues are set up anew, or go on where they were.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
