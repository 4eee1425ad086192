//! Decorators over queue pairs: each takes a pair and gives a pair that does one thing more.

mod header;

pub use header::adapt_header;
