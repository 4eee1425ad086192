//! Connections of frontends to a device.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use tempfile::TempDir;
use vhost::vhost_user::{Error as VhostUserError, Listener};
use vhost_user_backend::{Error, VhostUserDaemon};

use crate::device::Device;
use crate::relay::relay;

/// What serves a device to frontends, one at a time. A frontend that goes and comes back finds the same network.
pub struct Daemon {
    device: Arc<Device>,
    /// Where `vhost-user-backend` takes what is relayed to it: in a directory that nobody else may enter.
    inner: Listener,
    inner_path: PathBuf,
    _directory: TempDir,
}

/// Why a device cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// A socket cannot be made, or not be used any more.
    #[error("{what} {path}: {source}", path = path.display())]
    Socket {
        /// What was tried.
        what: &'static str,
        /// With which.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The threads or descriptors of a connection cannot be made.
    #[error("threads for a connection: {0}")]
    Threads(String),
}

impl Daemon {
    /// For this device.
    ///
    /// # Errors
    ///
    /// [`DaemonError::Socket`] if there is no directory for temporary files.
    pub fn new(device: Arc<Device>) -> Result<Self, DaemonError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| DaemonError::Socket { what, path, source }
        };
        let prefix = "net-backend-vhost-user";
        let directory = tempfile::Builder::new().prefix(prefix).tempdir();
        let directory = directory.map_err(failed("making", Path::new("a directory")))?;
        let inner_path = directory.path().join("socket");
        let inner = UnixListener::bind(&inner_path).map_err(failed("listening on", &inner_path))?;
        Ok(Self {
            device,
            inner: Listener::from(inner),
            inner_path,
            _directory: directory,
        })
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Serves a frontend until it goes. Blocks. What it does wrong ends its connection, and is told by the device.
    ///
    /// # Errors
    ///
    /// [`DaemonError`] if it could not be served at all.
    pub fn serve(&mut self, frontend: &UnixStream) -> Result<(), DaemonError> {
        let threads = |error: Error| DaemonError::Threads(error.to_string());
        let device = Arc::clone(&self.device);
        let memory = self.device.memory();
        let daemon = VhostUserDaemon::new("vhost-user".to_owned(), device, memory);
        let mut daemon = daemon.map_err(threads)?;
        let inner =
            UnixStream::connect(&self.inner_path).map_err(|source| DaemonError::Socket {
                what: "connecting to",
                path: self.inner_path.clone(),
                source,
            })?;
        self.device.connected(&daemon.get_epoll_handlers());
        let started = daemon.start(&mut self.inner).map_err(threads);
        let served = started.map(|()| {
            let relayed = relay(frontend, &inner);
            drop(inner);
            let ended = daemon.wait();
            match (relayed, ended) {
                (Err(error), _) => self.device.tell(&format!("the frontend went: {error}")),
                // So it ends when the relay has nothing more to say.
                (_, Err(Error::HandleRequest(VhostUserError::Disconnected))) => {}
                (_, Err(error)) => self.device.tell(&format!("the frontend went: {error}")),
                _ => {}
            }
        });
        self.device.disconnected();
        served
    }
}

/// Listens on a socket in the file system. A socket that is there already, of a daemon that is gone, is taken away.
///
/// # Errors
///
/// [`DaemonError::Socket`]; also if there is something else than a socket, or a daemon that answers.
pub fn listen(path: &Path) -> Result<UnixListener, DaemonError> {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err() {
        // Somebody else may have done so already.
        let _gone = fs::remove_file(path);
    }
    UnixListener::bind(path).map_err(|source| DaemonError::Socket {
        what: "listening on",
        path: path.to_owned(),
        source,
    })
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
