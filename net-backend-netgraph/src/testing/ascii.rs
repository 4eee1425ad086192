//! Messages as text.

use rustix::io::Errno;

use super::graph::{Answer, Graph, NodeId};
use super::message::Message;

impl Graph {
    pub(super) fn to_ascii(&self, _: NodeId, _: &Message) -> Answer<Vec<u8>> {
        Err(Errno::NOSYS)
    }

    pub(super) fn to_binary(&self, _: NodeId, _: &Message) -> Answer<Vec<u8>> {
        Err(Errno::NOSYS)
    }
}
