//! netmap as a backend: ports of NICs, VALE switches, pipes and monitors, on Linux and FreeBSD.

mod abi;
mod gate;
mod sys;
