//! A netgraph kernel in the process.
