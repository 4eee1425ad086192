//! Connections of frontends to a device.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use vhost::vhost_user::Listener;
use vhost_user_backend::VhostUserDaemon;

use crate::device::Device;

/// A device behind a socket, for one frontend at a time. A frontend that goes and comes back finds the same network.
pub struct Daemon {
    device: Arc<Device>,
    path: PathBuf,
    listener: Listener,
}

/// Why a device cannot be served any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The socket cannot be made.
    #[error("cannot listen on {path}: {source}")]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The threads or descriptors of a connection cannot be made, or it cannot be taken.
    #[error("connection on {path}: {message}")]
    Connection {
        /// Where.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

impl Daemon {
    /// Listens on a socket in the file system. A socket that is there is taken away: somebody's who is gone.
    ///
    /// # Errors
    ///
    /// [`DaemonError::Listen`]
    pub fn listen(device: Arc<Device>, path: &Path) -> Result<Self, DaemonError> {
        let listener = Listener::new(path, true).map_err(|error| DaemonError::Listen {
            path: path.to_owned(),
            source: io::Error::other(error),
        })?;
        Ok(Self {
            device,
            path: path.to_owned(),
            listener,
        })
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Serves the next frontend until it goes. Blocks. What a frontend does wrong ends its connection, and is told.
    ///
    /// # Errors
    ///
    /// [`DaemonError::Connection`]
    pub fn serve_once(&mut self) -> Result<(), DaemonError> {
        let failed = |error: vhost_user_backend::Error| DaemonError::Connection {
            path: self.path.clone(),
            message: error.to_string(),
        };
        let name = "vhost-user".to_owned();
        let device = Arc::clone(&self.device);
        let mut daemon =
            VhostUserDaemon::new(name, device, self.device.memory()).map_err(failed)?;
        self.device.connected(&daemon.get_epoll_handlers());
        let served = daemon.start(&mut self.listener).map(|()| daemon.wait());
        self.device.disconnected();
        match served.map_err(failed)? {
            Ok(()) => {}
            Err(error) => self.device.tell(&format!("the frontend went: {error}")),
        }
        Ok(())
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon")
            .field("device", &self.device)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
