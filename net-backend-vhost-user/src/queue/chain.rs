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

/// What is found out about a chain while its pieces are taken.
#[derive(Debug, Default)]
pub(super) struct Check(Cell<State>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unknown,
    Good,
    Bad,
}

impl Check {
    /// Whether all pieces were as they should be. Asked for when there are no more.
    pub(super) fn is_good(&self) -> bool {
        self.0.get() == State::Good
    }

    /// Whether something was wrong.
    pub(super) fn is_bad(&self) -> bool {
        self.0.get() == State::Bad
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
    let bad = move || check.0.set(State::Bad);
    let mut walk = Walk::new(rings, head);
    let slices = std::iter::from_fn(move || {
        check.0.set(State::Unknown);
        let descriptor = match walk.next(memory) {
            Step::Next(descriptor) => descriptor,
            Step::End => {
                check.0.set(State::Good);
                return None;
            }
            Step::Bad => {
                bad();
                return None;
            }
        };
        let address = GuestAddress(descriptor.address);
        let length = usize::try_from(descriptor.length).ok();
        let is_right = (descriptor.flags & WRITE != 0) == (direction == Direction::Writable);
        let slices = length
            .filter(|_| is_right)
            .and_then(|length| memory.get_slices(address, length, access).ok());
        if slices.is_none() {
            bad();
        }
        slices
    });
    slices
        .fuse()
        .flatten()
        .map_while(move |slice| slice.map_err(|_| bad()).ok())
        .fuse()
}

/// A descriptor (virtio 1.2, 2.7.5).
#[derive(Clone, Copy, Debug)]
struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

impl Descriptor {
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

/// One descriptor after the other.
struct Walk<'m, M: GuestMemory> {
    table: Piece<'m, M>,
    size: u16,
    next: Option<u16>,
    is_indirect: bool,
    count: usize,
}

enum Step {
    Next(Descriptor),
    End,
    /// Out of the table, out of memory, a loop, or a table in a table.
    Bad,
}

impl<'m, M: GuestMemory> Walk<'m, M> {
    fn new(rings: &Rings<'m, M>, head: u16) -> Self {
        let (table, size) = rings.table();
        Self {
            table,
            size,
            next: Some(head),
            is_indirect: false,
            count: 0,
        }
    }

    fn next(&mut self, memory: &'m M) -> Step {
        let Some(place) = self.next else {
            return Step::End;
        };
        self.count += 1;
        if place >= self.size || self.count > MOST {
            return Step::Bad;
        }
        let Some(descriptor) = Descriptor::read(&self.table, place) else {
            return Step::Bad;
        };
        if descriptor.flags & INDIRECT != 0 {
            return match self.enter(&descriptor, memory) {
                Some(()) => self.next(memory),
                None => Step::Bad,
            };
        }
        let goes_on = descriptor.flags & NEXT != 0;
        self.next = goes_on.then_some(descriptor.next);
        Step::Next(descriptor)
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
        self.next = Some(0);
        self.is_indirect = true;
        Some(())
    }
}
