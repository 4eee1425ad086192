//! Descriptor chains as pieces of guest memory, and what is wrong with them.

use std::cell::Cell;

use vm_memory::bitmap::BitmapSlice;
use vm_memory::{GuestAddress, GuestMemory, Permissions, VolatileMemory, VolatileSlice};

use super::rings::{DESCRIPTOR, Piece, Rings, one_piece};

/// Descriptors of a chain at most, those of an indirect table included. Drivers use one for each page and a few more.
const MOST: usize = 1024;

/// Flags of a descriptor (virtio 1.2, 2.7.5).
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

/// Which way a chain's bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The driver wrote them.
    Readable,
    /// The driver reads them.
    Writable,
}

/// What is found out about the chains of one frame while their pieces are taken.
#[derive(Debug)]
pub(super) struct Check {
    state: Cell<State>,
    /// Steps that are left: descriptors that are read, and pieces of memory that they are in.
    left: Cell<usize>,
    /// Descriptors of the queue's own table that were read.
    own: Cell<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Good,
    Bad,
}

impl Check {
    /// Steps for one frame at most, over all chains that it is offered: a driver can have descriptors be read over and
    /// over, and have one be in many regions.
    const STEPS: usize = 4 * MOST;

    /// Whether all pieces were as they should be. Asked for when there are no more.
    pub(super) fn is_good(&self) -> bool {
        self.state.get() == State::Good
    }

    /// Whether something was wrong.
    pub(super) fn is_bad(&self) -> bool {
        self.state.get() == State::Bad
    }

    /// Something is wrong.
    pub(super) fn fail(&self) {
        self.state.set(State::Bad);
    }

    /// Whether the chains take all descriptors that a queue of so many entries has: there will not be more of them.
    pub(super) fn is_all_of(&self, size: u16) -> bool {
        self.own.get() >= usize::from(size)
    }

    /// Whether one more step may be taken.
    pub(super) fn step(&self) -> bool {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }
}

impl Default for Check {
    fn default() -> Self {
        Self {
            state: Cell::new(State::Unknown),
            left: Cell::new(Self::STEPS),
            own: Cell::new(0),
        }
    }
}

/// The pieces of a chain, in order. They end where something is wrong, which `check` tells.
pub(super) fn pieces<'m, 'c, M: GuestMemory>(
    rings: &Rings<'m, M>,
    head: u16,
    memory: &'m M,
    direction: Direction,
    check: &'c Check,
) -> impl Iterator<Item = Piece<'m, M>> + use<'m, 'c, M> {
    let access = match direction {
        Direction::Readable => Permissions::Read,
        Direction::Writable => Permissions::Write,
    };
    let mut walk = Walk::new(rings, head, check);
    let slices = std::iter::from_fn(move || {
        let descriptor = walk.next(memory)?;
        let slices = match descriptor.direction() == direction {
            true => descriptor.slices(memory, access),
            false => None,
        };
        if slices.is_none() {
            check.fail();
        }
        slices
    });
    slices
        .fuse()
        .flatten()
        .map_while(move |slice| {
            let slice = slice.filter(|_| check.step());
            if slice.is_none() {
                check.fail();
            }
            slice
        })
        .fuse()
}

/// A descriptor (virtio 1.2, 2.7.5).
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

impl Descriptor {
    /// Which way its bytes go.
    pub(super) fn direction(&self) -> Direction {
        match self.flags & WRITE {
            0 => Direction::Readable,
            _ => Direction::Writable,
        }
    }

    /// Where its bytes are. `None` among them is memory that is not there.
    pub(super) fn slices<'m, M: GuestMemory>(
        &self,
        memory: &'m M,
        access: Permissions,
    ) -> Option<impl Iterator<Item = Option<Piece<'m, M>>> + use<'m, M>> {
        let length = usize::try_from(self.length).ok()?;
        let address = GuestAddress(self.address);
        let slices = memory.get_slices(address, length, access).ok()?;
        Some(slices.map(Result::ok))
    }

    /// Reads one from a table; the driver may write there at any time.
    fn read<B: BitmapSlice>(table: &VolatileSlice<'_, B>, place: u16) -> Option<Self> {
        let at = DESCRIPTOR * usize::from(place);
        let address = u64::from_le(table.get_ref::<u64>(at).ok()?.load());
        let rest = u64::from_le(table.get_ref::<u64>(at + 8).ok()?.load());
        let [l0, l1, l2, l3, f0, f1, n0, n1] = rest.to_le_bytes();
        Some(Self {
            address,
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            flags: u16::from_le_bytes([f0, f1]),
            next: u16::from_le_bytes([n0, n1]),
        })
    }
}

/// One descriptor of a chain after the other. They end where something is wrong, which the check tells.
pub(super) struct Walk<'m, 'c, M: GuestMemory> {
    table: Piece<'m, M>,
    size: u16,
    next: Option<u16>,
    is_indirect: bool,
    count: usize,
    check: &'c Check,
}

impl<'m, 'c, M: GuestMemory> Walk<'m, 'c, M> {
    /// That of the chain with this head.
    pub(super) fn new(rings: &Rings<'m, M>, head: u16, check: &'c Check) -> Self {
        let (table, size) = rings.table();
        Self {
            table,
            size,
            next: Some(head),
            is_indirect: false,
            count: 0,
            check,
        }
    }

    /// The next one; `None` at the end, or out of the table, out of memory, in a loop, or for a table in a table.
    pub(super) fn next(&mut self, memory: &'m M) -> Option<Descriptor> {
        self.check.state.set(State::Unknown);
        let Some(place) = self.next else {
            self.check.state.set(State::Good);
            return None;
        };
        let mut descriptor = self.read(place);
        if let Some(table) = descriptor.filter(|it| it.flags & INDIRECT != 0) {
            descriptor = self.enter(&table, memory).and_then(|()| self.read(0));
        }
        // Within one table there is no other.
        descriptor = descriptor.filter(|it| it.flags & INDIRECT == 0);
        let Some(descriptor) = descriptor else {
            self.check.fail();
            return None;
        };
        let goes_on = descriptor.flags & NEXT != 0;
        self.next = goes_on.then_some(descriptor.next);
        Some(descriptor)
    }

    fn read(&mut self, place: u16) -> Option<Descriptor> {
        self.count += 1;
        if place >= self.size || self.count > MOST || !self.check.step() {
            return None;
        }
        if !self.is_indirect {
            self.check.own.set(self.check.own.get() + 1);
        }
        Descriptor::read(&self.table, place)
    }

    /// Goes on in the table that the descriptor names (virtio 1.2, 2.7.5.3).
    fn enter(&mut self, descriptor: &Descriptor, memory: &'m M) -> Option<()> {
        let length = usize::try_from(descriptor.length).ok()?;
        let is_table = length > 0 && length % DESCRIPTOR == 0;
        if self.is_indirect || !is_table || descriptor.flags & NEXT != 0 {
            return None;
        }
        self.table = one_piece(memory, descriptor.address, length, Permissions::Read)?;
        self.size = u16::try_from(length / DESCRIPTOR).ok()?;
        self.is_indirect = true;
        Some(())
    }
}
