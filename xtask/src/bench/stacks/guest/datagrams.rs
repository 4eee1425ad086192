//! The guest's datagrams.

use std::time::Duration;

use anyhow::Result;

use super::super::exchange::Exchange;
use super::super::message::{Kind, Message};
use super::super::stack::Stack;

/// A flow of datagrams to one port.
pub(super) struct Flow<'a> {
    stack: &'a mut Stack,
    /// The frame that is sent all the time.
    data: Vec<u8>,
}

impl<'a> Flow<'a> {
    /// A flow to `port`, of datagrams of `length` bytes.
    pub(super) fn new(stack: &'a mut Stack, port: u16, run: u32, length: usize) -> Self {
        let data = Message {
            kind: Kind::Data,
            run,
            number: 0,
        };
        stack.bind(port);
        Self {
            data: stack.datagram(&data.encode(length)),
            stack,
        }
    }
}

impl Exchange for Flow<'_> {
    fn send(&mut self) -> Result<bool> {
        self.stack.send_datagram(&self.data)
    }

    fn flush(&mut self) -> Result<()> {
        self.stack.flush()
    }

    fn say(&mut self, message: &Message) -> Result<()> {
        let frame = self.stack.datagram(&message.encode(Message::BYTES));
        // It is said again when there is no answer.
        self.stack.send_datagram(&frame)?;
        self.stack.flush()
    }

    fn take(&mut self, heard: &mut dyn FnMut(Message)) -> Result<bool> {
        self.stack.take_datagram(&mut |payload| {
            if let Some(message) = Message::decode(payload) {
                heard(message);
            }
        })
    }

    fn wait(&mut self, timeout: Duration) -> Result<()> {
        self.stack.wait(timeout)
    }
}
