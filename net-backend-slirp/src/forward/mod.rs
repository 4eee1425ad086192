//! The rules of port forwarding.
