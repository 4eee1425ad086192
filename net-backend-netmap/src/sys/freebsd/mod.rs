mod poll_set;
mod rights;

use crate::sys::numbers;

pub(crate) use poll_set::PollSet;
pub(super) use rights::{limit_mappable, limit_mapped, limit_source};

pub(super) type Number = std::ffi::c_ulong;

pub(super) const CONTROL: Number = numbers::CONTROL as Number;
pub(super) const TRANSMIT_SYNC: Number = numbers::freebsd::TRANSMIT_SYNC as Number;
pub(super) const RECEIVE_SYNC: Number = numbers::freebsd::RECEIVE_SYNC as Number;
