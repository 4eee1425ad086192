//! What differs by operating system, and the only `unsafe` code of this crate.

mod region;

pub(crate) use region::Region;
