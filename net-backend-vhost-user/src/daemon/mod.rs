//! Connections of frontends to a device.

mod endpoint;
mod inner;
mod log;
mod pid_file;
mod process;
mod stop;

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use vhost::vhost_user::Error as VhostUserError;
use vhost_user_backend::{Error, VhostUserDaemon};

use crate::device::Device;
use crate::relay::relay;
pub use endpoint::Endpoint;
use inner::Inner;
pub use process::run;
pub use stop::Stop;
pub(crate) use stop::Waited;

/// Before the next frontend is served when one could not be: it may be that descriptors or memory are short.
const RECOVERY: Duration = Duration::from_secs(1);

/// What serves a device to frontends, one at a time. A frontend that goes and comes back finds the same network.
pub struct Daemon {
    device: Arc<Device>,
    inner: Inner,
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
    /// A descriptor is not a socket that frontends can come from.
    #[error("the descriptor for frontends: {0}")]
    Inherited(io::Error),
    /// A frontend cannot be taken.
    #[error("the next frontend: {0}")]
    Frontend(io::Error),
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
        let inner = Inner::new()?;
        Ok(Self { device, inner })
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Serves one frontend after the other, until there will be none, or all is to end. Blocks. Those that cannot be served
    /// are told by the device, and the next has its turn.
    pub fn run(&mut self, endpoint: &mut Endpoint, stop: &Stop) {
        loop {
            let served = match endpoint.frontend(stop) {
                Ok(None) => return,
                Ok(Some(frontend)) => self.serve(&frontend, stop),
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                self.device.tell(&error.to_string());
                stop.pause(RECOVERY);
            }
        }
    }

    /// Serves a frontend until it goes, or all is to end. Blocks. What it does wrong ends its connection, and is told by the device.
    ///
    /// # Errors
    ///
    /// [`DaemonError`] if it could not be served at all.
    pub fn serve(&mut self, frontend: &UnixStream, stop: &Stop) -> Result<(), DaemonError> {
        let threads = |error: Error| DaemonError::Threads(error.to_string());
        let device = Arc::clone(&self.device);
        let memory = self.device.memory();
        let daemon = VhostUserDaemon::new("vhost-user".to_owned(), device, memory);
        let mut daemon = daemon.map_err(threads)?;
        if let Err(error) = self.device.connected(&daemon.get_epoll_handlers()) {
            self.device.disconnected();
            // It would wait for threads that do not end.
            std::mem::forget(daemon);
            return Err(DaemonError::Threads(error.to_string()));
        }
        let inner = self.inner.connect();
        let started = inner.and_then(|inner| {
            daemon.start(self.inner.listener()).map_err(threads)?;
            Ok(inner)
        });
        let served = started.map(|inner| {
            let channel = |socket| self.device.talk_to_frontend(socket);
            let relayed = relay(frontend, &inner, stop, channel);
            drop(inner);
            // Others may have the socket too, as the parent that made it.
            let _gone = frontend.shutdown(Shutdown::Both);
            self.tell_end(relayed, daemon.wait());
        });
        self.device.disconnected();
        served
    }

    /// Tells why a connection ended, if that was not what should be.
    fn tell_end(&self, relayed: io::Result<()>, ended: Result<(), Error>) {
        match (relayed, ended) {
            (Err(error), _) => self.device.tell(&format!("the frontend went: {error}")),
            // So it ends when the relay has nothing more to say.
            (_, Ok(()) | Err(Error::HandleRequest(VhostUserError::Disconnected))) => {}
            (_, Err(error)) => self.device.tell(&format!("the frontend went: {error}")),
        }
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
