//! Which rings a request means.

use std::ops::Range;

use rustix::io::Errno;

use super::body::{RECEIVE_ONLY, Register, TRANSMIT_ONLY};
use super::port::{Kind, Port};
use super::ring::Direction;

/// The transmit and the receive rings that a request means (`netmap_interp_ringid`).
pub(super) fn ranges(port: &Port, register: &Register) -> Result<[Range<usize>; 2], Errno> {
    let directions = [
        (Direction::Transmit, RECEIVE_ONLY),
        (Direction::Receive, TRANSMIT_ONLY),
    ];
    let shape = port.shape();
    let mut ranges = [0..0, 0..0];
    for ((direction, excluding), range) in directions.into_iter().zip(&mut ranges) {
        if register.flags & excluding != 0 {
            continue;
        }
        let own = usize::from(shape.rings(direction));
        let hosts = usize::from(shape.host_rings(direction));
        let ring = usize::from(register.ring);
        *range = match register.mode {
            1 | 7 => 0..own,
            2 | 3 | 8 if !has_host_rings(port) => return Err(Errno::INVAL),
            2 => own..own + hosts,
            3 => 0..own + hosts,
            4 => {
                let most = shape.transmit_rings.max(shape.receive_rings);
                one(ring, own, usize::from(most)).ok_or(Errno::INVAL)?
            }
            8 => {
                let most = shape.host_transmit_rings.max(shape.host_receive_rings);
                let host = one(ring, hosts, usize::from(most)).ok_or(Errno::INVAL)?;
                own + host.start..own + host.end
            }
            _ => return Err(Errno::INVAL),
        };
    }
    Ok(ranges)
}

/// A ring by number; the first where one direction has fewer.
fn one(ring: usize, count: usize, most: usize) -> Option<Range<usize>> {
    let ring = if ring < count {
        ring
    } else if ring < most {
        0
    } else {
        return None;
    };
    Some(ring..ring + 1)
}

fn has_host_rings(port: &Port) -> bool {
    match &port.kind {
        Kind::Monitor(of) => of.parent.has_host_rings,
        _ => port.has_host_rings,
    }
}
