//! The layers that do offloads for one side of a queue pair.

mod flood;
mod hostile;
mod queues;
mod receive;
mod samples;
mod transmit;
