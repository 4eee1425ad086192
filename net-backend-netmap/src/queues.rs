//! From the rings of a port to queue pairs.

use std::io;
use std::sync::Arc;

use net_backend_core::{Features, FrameLength, HeaderLength, Result};

use crate::attachment::Attachment;
use crate::gate::Control;
use crate::port::PairRings;
use crate::receive_ring::ReceiveRing;
use crate::ring::RingWords;
use crate::sys::RingMemory;
use crate::transmit_ring::TransmitRing;
use crate::waiting::Waiting;
use crate::{ReceiveQueue, TransmitQueue};

/// Bytes of the first buffer that frames for a VALE switch leave free. The switch puts the header of the receiver in
/// front when the sender has none, copies in steps of 64 bytes, and does not look whether that fits
/// (`bdg_mismatch_datapath` in netmap's netmap_offloadings.c).
pub(crate) const HEADROOM: usize = 128;

/// How frames lie in rings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The header that frames have in the rings.
    pub(crate) header: HeaderLength,
    /// The header that they have only here; there is one of the two at most.
    pub(crate) added: HeaderLength,
    pub(crate) features: Features,
    /// Slots of a frame, at most.
    pub(crate) fragments: u32,
    /// Bytes that the first buffer of a frame keeps free.
    pub(crate) headroom: usize,
    /// The longest frame, header not included.
    pub(crate) longest: FrameLength,
}

impl Shape {
    /// Bytes that each of the rings of a pair has for a frame and its header.
    pub(crate) fn room(&self, pair: &PairRings) -> usize {
        let rings = pair.transmit.iter().chain(&pair.receive);
        let rooms = rings.map(|ring| {
            let slots = self.fragments.min(ring.slots() - 1) as usize;
            (ring.buffer_size() as usize * slots).saturating_sub(self.headroom)
        });
        rooms.min().unwrap_or(0)
    }
}

/// How many queue pairs there can be at most, each with a ring in every direction that the port has.
pub(crate) fn most_pairs(rings: &[PairRings]) -> usize {
    let transmit = rings.iter().filter(|pair| pair.transmit.is_some()).count();
    let receive = rings.iter().filter(|pair| !pair.receive.is_empty()).count();
    match (transmit, receive) {
        (0, count) | (count, 0) => count,
        (transmit, receive) => transmit.min(receive),
    }
}

/// Deals the rings out to `count` queue pairs: a transmit ring to each, and all receive rings in turn.
pub(crate) fn deal(
    rings: Vec<PairRings>,
    count: u16,
    shape: &Shape,
    attachment: &Arc<Attachment>,
) -> Result<Vec<(ReceiveQueue, TransmitQueue)>> {
    let mut hands: Vec<Hand> = (0..count).map(|_| Hand::default()).collect();
    let turns = hands.len().max(1);
    let (mut transmits, mut receives) = (0, 0);
    for pair in rings {
        let bound = pair.control;
        if let Some(memory) = pair.transmit {
            if let Some(hand) = hands.get_mut(transmits) {
                hand.transmit = Some((memory, Arc::clone(&bound)));
            }
            transmits += 1;
        }
        for memory in pair.receive {
            if let Some(hand) = hands.get_mut(receives % turns) {
                hand.receive.push((memory, Arc::clone(&bound)));
            }
            receives += 1;
        }
    }
    let queues = hands.into_iter().map(|hand| hand.queues(shape, attachment));
    queues.collect()
}

/// The rings of one queue pair, each with what it is bound to.
#[derive(Default)]
struct Hand {
    receive: Vec<(RingMemory, Arc<dyn Control>)>,
    transmit: Option<(RingMemory, Arc<dyn Control>)>,
}

impl Hand {
    fn queues(
        self,
        shape: &Shape,
        attachment: &Arc<Attachment>,
    ) -> Result<(ReceiveQueue, TransmitQueue)> {
        let corrupt = |corrupt| attachment.corrupt(corrupt);
        let controls = self.controls();
        let transmit = match self.transmit {
            None => None,
            Some((memory, control)) => {
                let ring = TransmitRing::new(memory, control, shape.fragments, shape.headroom);
                Some(ring.map_err(corrupt)?)
            }
        };
        let mut receive = Vec::new();
        for (memory, control) in self.receive {
            receive.push(ReceiveRing::new(memory, control).map_err(corrupt)?);
        }
        let control = transmit.as_ref().map(TransmitRing::control);
        let control = control.or(controls.first()).cloned();
        let control = control.ok_or_else(|| attachment.gone(io::ErrorKind::NotFound.into()))?;
        let waiting = Waiting::new(controls)
            .map_err(|cause| attachment.system("waiting for several rings", cause))?;
        let receive = ReceiveQueue::new(receive, waiting, shape, Arc::clone(attachment));
        let transmit = TransmitQueue::new(transmit, control, shape, Arc::clone(attachment));
        Ok((receive, transmit))
    }

    /// What is to be waited for to receive, each once: several rings may be bound to one. Where nothing is received,
    /// what is transmitted through, which then never has frames.
    fn controls(&self) -> Vec<Arc<dyn Control>> {
        let mut controls: Vec<Arc<dyn Control>> = Vec::new();
        for (_, control) in &self.receive {
            if !controls.iter().any(|known| Arc::ptr_eq(known, control)) {
                controls.push(Arc::clone(control));
            }
        }
        if controls.is_empty() {
            controls.extend(self.transmit.iter().map(|(_, control)| Arc::clone(control)));
        }
        controls
    }
}
