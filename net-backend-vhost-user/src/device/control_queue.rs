//! The control queue, of frontends that do not serve it themselves.

use net_backend::Features;
use std::io::{Read, Write};
use vhost_user_backend::VringT;
use virtio_queue::{DescriptorChain, QueueOwnedT, QueueT, Reader, Writer};
use vm_memory::GuestAddressSpace;

use super::{Control, Device, Memory, Vring};
use crate::control::{Answer, Command, LONGEST};
use crate::features;

/// Commands in one turn. A driver waits for the answer of each.
const BURST: usize = 16;

impl Device {
    /// Does what the driver asks for.
    pub(super) fn serve_control(&self, vring: &Vring) -> Result<(), virtio_queue::Error> {
        let memory = self.memory.memory();
        for _ in 0..BURST {
            let mut state = vring.get_mut();
            if !state.is_enabled() || !state.get_queue().ready() {
                return Ok(());
            }
            let mut chains = state.get_queue_mut().iter(&*memory)?;
            let Some(chain) = chains.next() else {
                return Ok(());
            };
            let head = chain.head_index();
            // Not under the queue's lock: it may be that all pairs are made anew.
            drop(state);
            let written = self.command(chain, &memory);
            let mut state = vring.get_mut();
            state.add_used(head, written)?;
            let _closed = state.signal_used_queue();
        }
        Ok(())
    }

    /// Does one command; how many bytes were answered.
    fn command(&self, chain: DescriptorChain<&Memory>, memory: &Memory) -> u32 {
        let mut bytes = [0; LONGEST];
        let read = Reader::new(memory, chain.clone()).map(|mut it| {
            let length = it.available_bytes();
            let command = bytes.get_mut(..length.min(LONGEST)).unwrap_or_default();
            // Memory that cannot be read leaves zeros, which mean nothing.
            let _unread = it.read_exact(command);
            length
        });
        let command = read.ok().and_then(|length| bytes.get(..length));
        let answer = match command.and_then(Command::decode) {
            Some(command) => self.obey(command),
            None => Answer::Refused,
        };
        let written = Writer::new(memory, chain).map(|mut it| it.write_all(&[answer.byte()]));
        u32::from(matches!(written, Ok(Ok(()))))
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
        control.asked = Some(pairs);
        self.settle(control);
        Answer::Done
    }
}
