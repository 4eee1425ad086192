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

    /// A thread for each pair; the first has the control queue, which is the last, too.
    fn queues_per_thread(&self) -> Vec<u64> {
        let control = 1 << (2 * self.pairs.len());
        let masks = (0..self.pairs.len()).map(|pair| {
            let own = 0b11 << (2 * pair);
            if pair == 0 { own | control } else { own }
        });
        masks.collect()
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
        let is = |listener| event == self.event(listener);
        if is(Listener::Exit) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let has_begun = self.notice(vrings, thread);
        let work = Work {
            receive: has_begun || event == 0 || is(Listener::Receive) || is(Listener::Retry),
            transmit: has_begun || event == 1 || is(Listener::Transmit) || is(Listener::Retry),
        };
        if is(Listener::Events) {
            self.take_events();
        }
        if let (2, Some(vring)) = (event, vrings.get(2)) {
            if let Err(failure) = self.serve_control(vring) {
                (self.tell)(&format!("control queue: {failure}"));
            }
        }
        self.serve(work, vrings, thread);
        Ok(())
    }
}

impl Device {
    /// Looks whether the driver began or ended to use the rings of a thread; whether there is a new pair.
    fn notice(&self, vrings: &[Vring], thread: usize) -> bool {
        let in_use = vrings.len() >= 2
            && vrings.iter().take(2).all(|vring| {
                let state = vring.get_ref();
                state.is_enabled() && state.get_queue().ready()
            });
        let control = &mut *self.control();
        if let Some(queue) = vrings.get(2) {
            watch_control(control, queue);
        }
        let changed = control.in_use.get(thread) != Some(&in_use);
        if let Some(it) = control.in_use.get_mut(thread) {
            *it = in_use;
        }
        let before = control.active;
        self.settle(control);
        changed || before != control.active
    }

    fn serve(&self, work: Work, vrings: &[Vring], thread: usize) {
        let Some(slot) = self.pairs.get(thread) else {
            return;
        };
        let mut slot = lock(slot);
        let Some(pair) = &mut *slot else {
            return;
        };
        match pair.serve(work, vrings, &self.memory.memory()) {
            Ok(0) => {}
            Ok(refused) => {
                self.refused.fetch_add(refused, Ordering::Relaxed);
            }
            Err(failure) => (self.tell)(&format!("queue pair {thread}: {failure}")),
        }
    }
}

/// A driver with a control queue of ours begins with one pair, whatever rings it has set up.
fn watch_control(control: &mut Control, queue: &Vring) {
    let state = queue.get_ref();
    if control.asked.is_none() && state.is_enabled() && state.get_queue().ready() {
        control.asked = Some(1);
    }
}
