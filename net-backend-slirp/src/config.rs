//! The options of `slirp:` URIs.
