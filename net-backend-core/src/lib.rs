//! The contract of net-backend: traits, frames, features, URIs, registry, in-memory backends and conformance suite.
