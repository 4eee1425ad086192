//! What `vhost-user-backend` asks of a device.

use std::io;
use std::sync::atomic::Ordering;

use vhost::vhost_user::message::VhostUserProtocolFeatures;
use vhost_user_backend::bitmap::BitmapMmapRegion;
use vhost_user_backend::{VhostUserBackend, VringT};
use virtio_queue::QueueT;
use vm_memory::{GuestAddressSpace, GuestMemoryAtomic};
use vmm_sys_util::epoll::EventSet;

use super::pair::Work;
use super::{Control, Device, Listener, Memory, Vring, lock};
use crate::features;

/// Entries of a queue at most: as many as QEMU has at most.
const QUEUE_SIZE: usize = 1024;

impl VhostUserBackend for Device {
    type Bitmap = BitmapMmapRegion;
    type Vring = Vring;

    fn num_queues(&self) -> usize {
        self.queues()
    }

    fn max_queue_size(&self) -> usize {
        QUEUE_SIZE
    }

    fn features(&self) -> u64 {
        let (pairs, mac) = (self.queue_pairs(), self.mac.is_some());
        features::offered(&self.capabilities, pairs, mac, self.mtu().is_some())
    }

    fn acked_features(&self, features: u64) {
        let control = &mut *self.control();
        // Not for bits of the transport: QEMU changes one when it begins to move a guest that runs.
        let is_other = features::of_nic(control.acknowledged) != features::of_nic(features);
        if is_other && control.active > 0 {
            control.in_use.fill(false);
            self.settle(control);
        }
        control.acknowledged = features;
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        features::of_protocol()
    }

    fn reset_device(&self) {
        self.reset(&mut self.control());
    }

    fn set_event_idx(&self, _: bool) {}

    fn get_config(&self, offset: u32, size: u32) -> Vec<u8> {
        self.config_space().read(offset, size)
    }

    fn update_memory(&self, _: GuestMemoryAtomic<Memory>) -> io::Result<()> {
        // It is the one that `memory` gave.
        Ok(())
    }

    fn queues_per_thread(&self) -> Vec<u64> {
        self.threads.masks()
    }

    /// The thread that serves a queue holds its lock, so that it is done with it.
    fn stop_vring(&self, queue: u32) -> io::Result<()> {
        let pair = usize::try_from(queue / 2).unwrap_or(usize::MAX);
        let control = &mut *self.control();
        if let Some(in_use) = control.in_use.get_mut(pair) {
            *in_use = false;
            self.settle(control);
        }
        Ok(())
    }

    /// Errors end the thread, so there is none but the one that is to.
    fn handle_event(
        &self,
        event: u16,
        _: EventSet,
        vrings: &[Vring],
        thread: usize,
    ) -> io::Result<()> {
        let Some(listener) = self.threads.meaning(event, thread) else {
            return Ok(());
        };
        if listener == Listener::Exit {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let has_begun = self.notice(vrings, thread);
        match (listener, vrings.last()) {
            (Listener::Events, _) => self.take_events(),
            (Listener::Control, Some(vring)) => {
                if let Err(failure) = self.serve_control(vring) {
                    (self.tell)(&format!("control queue: {failure}"));
                }
            }
            _ => {}
        }
        for (pair, vrings) in self.threads.pairs_of(thread).zip(vrings.chunks_exact(2)) {
            let is = |it| has_begun || listener == it || listener == Listener::Retry(pair);
            let work = Work {
                receive: is(Listener::Receive(pair)),
                transmit: is(Listener::Transmit(pair)),
            };
            if work.receive || work.transmit {
                self.serve(work, vrings, pair);
            }
        }
        Ok(())
    }
}

impl Device {
    /// Looks whether the driver began or ended to use rings of a thread; whether it did, or there is a new pair.
    fn notice(&self, vrings: &[Vring], thread: usize) -> bool {
        let control = &mut *self.control();
        let rings = vrings.chunks_exact(2);
        // The control queue has no partner.
        if let [queue] = rings.remainder() {
            watch_control(control, queue);
        }
        let mut changed = false;
        for (pair, rings) in self.threads.pairs_of(thread).zip(rings) {
            let in_use = rings.iter().all(is_used);
            if let Some(it) = control.in_use.get_mut(pair) {
                changed |= *it != in_use;
                *it = in_use;
            }
        }
        let before = control.active;
        self.settle(control);
        changed || before != control.active
    }

    fn serve(&self, work: Work, vrings: &[Vring], pair: usize) {
        let Some(slot) = self.pairs.get(pair) else {
            return;
        };
        let mut slot = lock(slot);
        let Some(active) = &mut *slot else {
            return;
        };
        match active.serve(work, vrings, &self.memory.memory()) {
            Ok(0) => {}
            Ok(refused) => {
                self.refused.fetch_add(refused, Ordering::Relaxed);
            }
            Err(failure) => (self.tell)(&format!("queue pair {pair}: {failure}")),
        }
    }
}

/// A driver with a control queue of ours begins with one pair, whatever rings it has set up.
fn watch_control(control: &mut Control, queue: &Vring) {
    if control.asked.is_none() && is_used(queue) {
        control.asked = Some(1);
    }
}

fn is_used(queue: &Vring) -> bool {
    let state = queue.get_ref();
    state.is_enabled() && state.get_queue().ready()
}
