//! What only the model does.

use super::*;
