//! The module of the kernel that is loaded on the way.

use net_backend_core::{Error, Result};

use super::Wirer;
use crate::ng;

/// Interfaces of the host have nodes only with this module, which nothing loads by itself.
const ETHER: &str = "ng_ether";

impl Wirer<'_> {
    /// Does something about the node of this name. If there is none because an interface of the host has no node yet,
    /// once more with ng_ether(4).
    pub(super) fn with_ether<T>(
        &mut self,
        node: Option<&str>,
        mut act: impl FnMut(&mut Self) -> Result<T, ng::Error>,
    ) -> Result<T> {
        let error = match act(self) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let is_interface = node.is_some_and(|name| self.kernel.has_interface(name));
        if error.raw_os_error() != Some(libc::ENOENT) || !is_interface {
            return Err(error.into());
        }
        if let Err(cause) = self.kernel.load(ETHER) {
            let remedy = "interfaces have nodes with this module only: kldload ng_ether, as root";
            return Err(Error::system("kldload", ETHER, cause, Some(remedy)));
        }
        Ok(act(self)?)
    }
}
