//! The only unsafe code of the guest's first program.

pub(super) mod ethtool;
