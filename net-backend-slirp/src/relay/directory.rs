use std::collections::hash_map::RandomState;
use std::fs::DirBuilder;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The longest path that fits into a socket address, without the zero byte: that of FreeBSD, which is shorter than
/// that of Linux.
const LONGEST_PATH: usize = 103;

/// Where temporary files go if the path to the user's is too long.
const FALLBACK: &str = "/tmp";

const SOCKET: &str = "relay";

/// Names that are tried, should some exist.
const ATTEMPTS: usize = 16;

/// A directory for a socket, that only this user can look into; removed with the socket when dropped.
pub(super) struct Directory {
    path: PathBuf,
    socket: PathBuf,
}

impl Directory {
    /// Makes it, with a random name among the temporary files.
    ///
    /// # Errors
    ///
    /// What mkdir(2) says, with the path.
    pub(super) fn new() -> io::Result<Self> {
        Self::under(&std::env::temp_dir())
    }

    /// Where the socket is to be.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn under(parent: &Path) -> io::Result<Self> {
        let parent = std::path::absolute(parent)?;
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            let directory = random_name(&parent);
            match DirBuilder::new().mode(0o700).create(&directory) {
                Ok(()) => {
                    return Ok(Self {
                        socket: directory.join(SOCKET),
                        path: directory,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts > 0 => {}
                Err(error) => {
                    let message = format!("{}: {error}", directory.display());
                    return Err(io::Error::new(error.kind(), message));
                }
            }
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What somebody else has removed already is gone as well.
        let _removed = std::fs::remove_file(&self.socket);
        let _removed = std::fs::remove_dir(&self.path);
    }
}

/// A name that nobody guesses, short enough that the socket's path fits into a socket address.
fn random_name(parent: &Path) -> PathBuf {
    let name = format!(
        "net-backend-slirp-{:016x}",
        RandomState::new().build_hasher().finish()
    );
    let path = parent.join(&name);
    if path.as_os_str().as_bytes().len() + "/".len() + SOCKET.len() > LONGEST_PATH {
        return Path::new(FALLBACK).join(name);
    }
    path
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::surroundings::{self, or_skip};

    #[test]
    fn is_private_and_leaves_nothing() {
        let Some(parent) = or_skip(surroundings::directory()) else {
            return;
        };
        let directory = Directory::under(parent.path()).unwrap();
        let other = Directory::under(parent.path()).unwrap();
        assert_ne!(directory.socket(), other.socket());
        let mode = std::fs::metadata(&directory.path).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
        std::fs::write(directory.socket(), "").unwrap();
        drop((directory, other));
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_path_that_is_too_long_is_not_used() {
        let Some(parent) = or_skip(surroundings::directory()) else {
            return;
        };
        let fallback = tempfile::tempdir_in(FALLBACK);
        if or_skip(fallback.map_err(|error| error.to_string())).is_none() {
            return;
        }
        let deep = parent.path().join("x".repeat(100));
        std::fs::create_dir(&deep).unwrap();
        let directory = Directory::under(&deep).unwrap();
        assert!(directory.path.parent() == Some(Path::new(FALLBACK)));
        assert!(directory.socket().as_os_str().len() <= LONGEST_PATH);
    }

    #[test]
    fn an_error_names_the_path() {
        let missing = Path::new("/nowhere/at/all");
        let error = Directory::under(missing).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let named = missing.join("net-backend-slirp-");
        let message = error.to_string();
        assert!(message.contains(named.to_str().unwrap()), "{message}");
    }
}
