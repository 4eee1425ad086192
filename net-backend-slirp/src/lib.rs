//! User-mode networking with [libslirp](https://gitlab.freedesktop.org/slirp/libslirp) as a backend: a network for a
//! VM without root, tap or configuration.

mod config;
mod forward;
mod sys;
