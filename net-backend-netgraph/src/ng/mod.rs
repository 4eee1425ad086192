//! A client for netgraph's messages.
