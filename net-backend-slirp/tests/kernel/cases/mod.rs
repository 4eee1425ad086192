//! The cases. Each runs with a poll thread and without one.

mod address;
mod clients;
mod transfers;

use crate::harness::Case;

pub(crate) fn all() -> impl Iterator<Item = Case> {
    address::cases()
        .chain(transfers::cases())
        .chain(clients::cases())
}
