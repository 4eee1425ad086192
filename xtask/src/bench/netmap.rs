//! netmap ports, beside rings that are used by hand.
//!
//! On any machine with a kernel in the process, whose synchronisations cost the same for everybody; where there is
//! `/dev/netmap`, beside netmap's own program too.

mod copy;
mod ends;
mod in_place;
mod model;
mod receive;
mod switch;

use super::field::Section;

/// All rows.
pub(super) fn section() -> Section {
    let mut section = switch::section();
    section
        .cases
        .splice(..0, copy::cases().chain(in_place::cases()));
    section
}
