//! Tap devices of Linux and FreeBSD as a net-backend backend.
