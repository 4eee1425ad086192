//! Where `vhost-user-backend` takes what is relayed to it: it takes connections only from a listener.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use tempfile::TempDir;
use vhost::vhost_user::Listener;

use super::DaemonError;

/// A listener that only this process connects to.
///
/// Its socket was in a directory that nobody else may enter, and is in none any more: it is known by its descriptor, so that
/// a daemon leaves nothing behind however it ends.
pub(super) struct Inner {
    listener: Listener,
    path: PathBuf,
    _socket: OwnedFd,
    /// Only where there is no `/proc`, through which a descriptor has a path.
    _directory: Option<TempDir>,
}

impl Inner {
    /// A new one.
    pub(super) fn new() -> Result<Self, DaemonError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| DaemonError::Socket { what, path, source }
        };
        let prefix = "net-backend-vhost-user";
        let directory = tempfile::Builder::new().prefix(prefix).tempdir();
        let directory =
            directory.map_err(failed("making a directory in", &std::env::temp_dir()))?;
        let named = directory.path().join("socket");
        let listener = UnixListener::bind(&named).map_err(failed("listening on", &named))?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let socket = open(&named, flags, Mode::empty())
            .map_err(|errno| failed("opening", &named)(errno.into()))?;
        let unnamed = PathBuf::from(format!("/proc/self/fd/{}", socket.as_raw_fd()));
        let is_there = is_same(&named, &unnamed).unwrap_or(false);
        let (path, directory) = match is_there {
            true => (unnamed, None),
            false => (named, Some(directory)),
        };
        Ok(Self {
            listener: Listener::from(listener),
            path,
            _socket: socket,
            _directory: directory,
        })
    }

    /// A connection to it.
    pub(super) fn connect(&self) -> Result<UnixStream, DaemonError> {
        UnixStream::connect(&self.path).map_err(|source| DaemonError::Socket {
            what: "connecting to",
            path: self.path.clone(),
            source,
        })
    }

    /// What takes connections from it.
    pub(super) fn listener(&mut self) -> &mut Listener {
        &mut self.listener
    }
}

/// Whether both paths are of the same file.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let [one, other] = [fs::metadata(one)?, fs::metadata(other)?];
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn it_is_reached_without_a_name() {
        let mut inner = Inner::new().unwrap();
        if inner._directory.is_some() {
            println!("skipped: there is no /proc");
            return;
        }
        for byte in 0..3 {
            let mut near = inner.connect().unwrap();
            let far = inner.listener().accept().unwrap();
            let mut far = far.expect("a connection waits");
            near.write_all(&[byte]).unwrap();
            let mut arrived = [9];
            far.read_exact(&mut arrived).unwrap();
            assert_eq!(arrived, [byte]);
        }
    }
}
