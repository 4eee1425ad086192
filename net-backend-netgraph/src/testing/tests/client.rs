//! The library's client on the model: two programs that know nothing of each other.

use super::*;
