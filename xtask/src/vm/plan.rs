//! What `cargo xtask vm` and the init of its guests tell each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where the guest finds its plan, as JSON.
pub(crate) const PLAN: &str = "/plan.json";

/// Begins the guest's last line; one of the statuses follows.
pub(crate) const FINISHED: &str = "vm-init: exit status ";

/// All programs of the plan did well.
pub(crate) const SUCCESS: &str = "0";

/// A program failed.
pub(crate) const FAILURE: &str = "1";

/// The plan could not be carried out.
pub(crate) const IMPOSSIBLE: &str = "2";

/// What a guest does from its start to its end.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Plan {
    /// Where programs write: a serial port of the guest.
    pub(crate) output: String,
    /// Kernel modules to load, in this order: paths in the guest.
    pub(crate) modules: Vec<String>,
    /// Programs to run as root, one after the other: paths in the guest.
    pub(crate) programs: Vec<String>,
    /// What each of them is told.
    pub(crate) arguments: Vec<String>,
    /// Their environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether to do first what it is asked for on the port of `output`, until nobody asks any more.
    pub(crate) serve: bool,
}
