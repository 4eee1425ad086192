//! Network backends as vhost-user devices.

pub mod queue;
