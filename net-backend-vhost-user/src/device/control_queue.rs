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
                    Ok(()) => Answer::Done,
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
