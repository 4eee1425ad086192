//! The control queue, of frontends that do not serve it themselves.

use net_backend::Features;
use vhost_user_backend::VringT;
use virtio_queue::QueueT;
use vm_memory::GuestAddressSpace;

use super::{Control, Device, Vring};
use crate::features;
use crate::queue::{Answer, Command, Request, RingError};

impl Device {
    /// Does what the driver asks for.
    pub(super) fn serve_control(&self, vring: &Vring) -> Result<(), RingError> {
        let memory = self.memory.memory();
        // No driver has more of them waiting; what comes later comes with a kick.
        let most = vring.get_ref().get_queue().size();
        for _ in 0..most {
            let state = vring.get_ref();
            if !state.is_enabled() || !state.get_queue().ready() {
                return Ok(());
            }
            let Some(request) = Request::next(state.get_queue(), &*memory)? else {
                return Ok(());
            };
            // Not under the queue's lock: it may be that all pairs are made anew.
            drop(state);
            let answer = request.command.map(|command| self.obey(command));
            let mut state = vring.get_mut();
            if !state.is_enabled() || !state.get_queue().ready() {
                return Ok(());
            }
            let answer = answer.unwrap_or(Answer::Refused);
            if request.answer(answer, state.get_queue_mut(), &*memory)? {
                // A frontend that closed it wants none.
                let _closed = state.signal_used_queue();
            }
        }
        Ok(())
    }

    fn obey(&self, command: Command) -> Answer {
        let control = &mut *self.control();
        let nic = features::of_nic(control.acknowledged);
        match command {
            Command::Pairs(pairs) if nic.contains(Features::MQ) => self.use_pairs(control, pairs),
            Command::Offloads(offloads)
                if nic.contains(Features::CTRL_GUEST_OFFLOADS | offloads) =>
            {
                match control.backend.set_receive_offloads(offloads) {
                    Ok(()) => {
                        control.offloads = Some(offloads);
                        Answer::Done
                    }
                    Err(error) => {
                        (self.tell)(&format!("receive offloads {offloads}: {error}"));
                        Answer::Refused
                    }
                }
            }
            _ => Answer::Refused,
        }
    }

    fn use_pairs(&self, control: &mut Control, pairs: u16) -> Answer {
        if pairs == 0 || pairs > self.queue_pairs() {
            return Answer::Refused;
        }
        let before = control.asked.replace(pairs);
        self.settle(control);
        let in_use = control.in_use.iter().take_while(|it| **it).count();
        if usize::from(control.active) == in_use.min(pairs.into()) {
            return Answer::Done;
        }
        // The driver goes on as before.
        control.asked = before;
        self.settle(control);
        Answer::Refused
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use net_backend::memory::{Loopback, PairConfig};
    use net_backend::{
        Activation, BorrowedDescriptor, Capabilities, Error, NetBackend, QueuePair, Uri,
    };

    use vhost_user_backend::VhostUserBackend;

    use super::super::{DeviceOptions, Mutex, lock};
    use super::*;

    /// What the backend was made active with.
    type Activations = Arc<Mutex<Vec<(u16, Features)>>>;

    /// Comes back, with at most two pairs whatever it says.
    struct Watched {
        inner: Loopback,
        activations: Activations,
    }

    impl NetBackend for Watched {
        fn capabilities(&self) -> &Capabilities {
            self.inner.capabilities()
        }

        fn activate(&mut self, with: &Activation) -> net_backend::Result<Vec<QueuePair>> {
            let offloads = with.features & Features::RECEIVE_OFFLOADS;
            lock(&self.activations).push((with.queue_pairs, offloads));
            match with.queue_pairs {
                ..=2 => self.inner.activate(with),
                asked => Err(Error::QueuePairs {
                    scheme: "watched",
                    asked,
                    most: 2,
                }),
            }
        }

        fn set_receive_offloads(&mut self, features: Features) -> net_backend::Result<()> {
            self.inner.set_receive_offloads(features)
        }

        fn describe(&self) -> Uri {
            self.inner.describe()
        }

        fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
            self.inner.descriptors()
        }
    }

    const RECEIVES: Features = Features::GUEST_CSUM.union(Features::GUEST_TSO4);

    /// A device whose driver has set up four pairs and uses one.
    fn device() -> (Device, Activations) {
        let config = PairConfig {
            queue_pairs: 4,
            ..PairConfig::default()
        };
        let activations = Activations::default();
        let backend = Watched {
            inner: Loopback::new(&config).unwrap(),
            activations: Arc::clone(&activations),
        };
        let device = Device::new(Box::new(backend), &DeviceOptions::default(), |_| ()).unwrap();
        let mut control = device.control();
        let nic = Features::VERSION_1 | Features::MQ | Features::CTRL_GUEST_OFFLOADS | RECEIVES;
        control.acknowledged = nic.bits();
        control.in_use.fill(true);
        control.asked = Some(1);
        device.settle(&mut control);
        drop(control);
        (device, activations)
    }

    #[test]
    fn pairs_that_there_are_not_leave_those_that_there_were() {
        let (device, activations) = device();
        for (pairs, answer, active) in [
            (2, Answer::Done, 2),
            (0, Answer::Refused, 2),
            (5, Answer::Refused, 2),
            (u16::MAX, Answer::Refused, 2),
            (3, Answer::Refused, 2),
            (1, Answer::Done, 1),
        ] {
            assert_eq!(device.obey(Command::Pairs(pairs)), answer, "{pairs}");
            assert_eq!(device.control().active, active, "{pairs}");
        }
        let pairs: Vec<u16> = lock(&activations).iter().map(|it| it.0).collect();
        assert_eq!(pairs, [1, 2, 3, 2, 1]);
    }

    #[test]
    fn offloads_stay_when_pairs_change_and_go_with_a_reset() {
        let (device, activations) = device();
        let offloads = Command::Offloads(Features::GUEST_CSUM);
        assert_eq!(device.obey(offloads), Answer::Done);
        assert_eq!(device.obey(Command::Pairs(2)), Answer::Done);
        let mut control = device.control();
        let acknowledged = control.acknowledged;
        device.reset(&mut control);
        control.acknowledged = acknowledged;
        control.in_use.fill(true);
        control.asked = Some(1);
        device.settle(&mut control);
        let expected = [(1, RECEIVES), (2, Features::GUEST_CSUM), (1, RECEIVES)];
        assert_eq!(*lock(&activations), expected);
    }

    #[test]
    fn what_was_not_negotiated_is_refused() {
        let (device, _) = device();
        let refused = |command| assert_eq!(device.obey(command), Answer::Refused, "{command:?}");
        refused(Command::Offloads(Features::GUEST_TSO6 | RECEIVES));
        // Segments without checksums.
        refused(Command::Offloads(Features::GUEST_TSO4));
        device.control().acknowledged = Features::VERSION_1.bits();
        refused(Command::Pairs(1));
        refused(Command::Offloads(Features::empty()));
    }

    #[test]
    fn frames_pass_on_when_dirty_memory_is_to_be_logged() {
        let (device, activations) = device();
        let acknowledged = device.control().acknowledged;
        // `VHOST_F_LOG_ALL`
        device.acked_features(acknowledged | 1 << 26);
        assert_eq!(device.control().active, 1);
        assert_eq!(lock(&activations).len(), 1);
        device.acked_features(Features::VERSION_1.bits());
        assert_eq!(device.control().active, 0);
    }
}
