//! From the rings of a port to queue pairs.

use std::sync::Arc;

use net_backend_core::{Features, FrameLength, HeaderLength, Result};

use crate::attachment::Attachment;
use crate::gate::Control;
use crate::port::PairRings;
use crate::receive_ring::ReceiveRing;
use crate::ring::RingWords;
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
    pub(crate) header: HeaderLength,
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

/// Deals the rings out to `count` queue pairs: a transmit ring to each, and all receive rings in turn.
pub(crate) fn deal(
    rings: Vec<PairRings>,
    count: u16,
    shape: &Shape,
    attachment: &Arc<Attachment>,
) -> Result<Vec<(ReceiveQueue, TransmitQueue)>> {
    let mut hands: Vec<Hand> = (0..count).map(|_| Hand::default()).collect();
    let turns = hands.len().max(1);
    for (index, pair) in rings.into_iter().enumerate() {
        if let Some(hand) = hands.get_mut(index % turns) {
            hand.take(pair, shape, attachment)?;
        }
    }
    hands
        .into_iter()
        .map(|hand| hand.queues(shape, attachment))
        .collect()
}

/// The rings of one queue pair.
#[derive(Default)]
struct Hand {
    receive: Vec<ReceiveRing>,
    transmit: Option<TransmitRing>,
    /// What is to be waited for, each once.
    controls: Vec<Arc<dyn Control>>,
}

impl Hand {
    fn take(&mut self, pair: PairRings, shape: &Shape, attachment: &Arc<Attachment>) -> Result<()> {
        let corrupt = |corrupt| attachment.corrupt(corrupt);
        if self.transmit.is_none() {
            let ring = pair.transmit.map(|memory| {
                let control = Arc::clone(&pair.control);
                TransmitRing::new(memory, control, shape.fragments, shape.headroom)
            });
            self.transmit = ring.transpose().map_err(corrupt)?;
        }
        for memory in pair.receive {
            let ring = ReceiveRing::new(memory, Arc::clone(&pair.control));
            self.receive.push(ring.map_err(corrupt)?);
        }
        self.controls.push(pair.control);
        Ok(())
    }

    fn queues(
        self,
        shape: &Shape,
        attachment: &Arc<Attachment>,
    ) -> Result<(ReceiveQueue, TransmitQueue)> {
        let control = self.controls.first().cloned();
        let waiting = Waiting::new(self.controls)
            .map_err(|cause| attachment.system("waiting for several rings", cause))?;
        let receive =
            ReceiveQueue::new(self.receive, waiting, shape.header, Arc::clone(attachment));
        let control =
            control.ok_or_else(|| attachment.gone(std::io::ErrorKind::NotFound.into()))?;
        let transmit = TransmitQueue::new(self.transmit, control, shape, Arc::clone(attachment));
        Ok((receive, transmit))
    }
}
