//! libslirp and the operating system.
