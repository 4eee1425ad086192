//! A file that says which process a daemon is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use super::DaemonError;

/// A file with this process's number, as long as this lives.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    text: String,
}

impl PidFile {
    /// Writes it, in the place of what is there.
    pub(super) fn write(path: &Path) -> Result<Self, DaemonError> {
        let text = format!("{}\n", process::id());
        fs::write(path, &text).map_err(|source| DaemonError::Socket {
            what: "writing",
            path: path.to_owned(),
            source,
        })?;
        let path = path.to_owned();
        Ok(Self { path, text })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Another daemon may have written its own meanwhile.
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let _kept = fs::remove_file(&self.path);
        }
    }
}
