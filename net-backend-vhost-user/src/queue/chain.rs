//! Descriptor chains as pieces of guest memory, and what is wrong with them.

use std::cell::Cell;

use virtio_queue::DescriptorChain;
use vm_memory::bitmap::BS;
use vm_memory::{GuestMemory, Permissions, VolatileSlice};

/// Descriptors of a chain at most, those of an indirect table included. Drivers use one for each page and a few more.
const MOST: usize = 1024;

/// A piece of guest memory.
pub(super) type Piece<'m, M> = VolatileSlice<'m, BS<'m, <M as GuestMemory>::Bitmap>>;

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
pub(super) struct Check {
    descriptors: Cell<usize>,
    /// Another descriptor must follow.
    goes_on: Cell<bool>,
    is_bad: Cell<bool>,
}

impl Check {
    /// Whether all pieces were as they should be. Asked for when there are no more.
    ///
    /// virtio-queue ends a chain where a descriptor cannot be read, its number is out of the table, an indirect table
    /// is malformed, or the chain is a loop: the last descriptor then says that another one follows.
    pub(super) fn is_good(&self) -> bool {
        self.descriptors.get() > 0 && !self.goes_on.get() && !self.is_bad.get()
    }

    /// Another chain.
    pub(super) fn begin(&self) {
        self.descriptors.set(0);
        self.goes_on.set(false);
        self.is_bad.set(false);
    }
}

/// The pieces of a chain, in order. They end where something is wrong, which `check` tells.
pub(super) fn pieces<'m, 'c, M: GuestMemory>(
    chain: DescriptorChain<&'m M>,
    memory: &'m M,
    direction: Direction,
    check: &'c Check,
) -> impl Iterator<Item = Piece<'m, M>> + use<'m, 'c, M> {
    let access = match direction {
        Direction::Readable => Permissions::Read,
        Direction::Writable => Permissions::Write,
    };
    let bad = move || check.is_bad.set(true);
    let slices = chain.map_while(move |descriptor| {
        let count = check.descriptors.get() + 1;
        check.descriptors.set(count);
        check.goes_on.set(descriptor.has_next());
        if count > MOST || descriptor.is_write_only() != (direction == Direction::Writable) {
            bad();
            return None;
        }
        let length = usize::try_from(descriptor.len()).ok();
        let slices = length.map(|length| memory.get_slices(descriptor.addr(), length, access));
        match slices {
            Some(Ok(slices)) => Some(slices),
            _ => {
                bad();
                None
            }
        }
    });
    slices
        .flatten()
        .map_while(move |slice| slice.map_err(|_| bad()).ok())
}
