//! Where frontends come from.

use std::fs::{self, Metadata};
use std::io::{Error, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use rustix::event::PollFlags;
use rustix::net::AddressFamily;
use rustix::net::sockopt::{socket_acceptconn, socket_domain};

use super::stop::Waited;
use super::{DaemonError, Stop};

/// From one attempt to connect to the next, at first and at most.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// Where the frontends of a device come from: a socket to listen on, or one to connect to.
#[derive(Debug)]
pub struct Endpoint {
    kind: Kind,
    /// Frontends that are still to be served; `None` if all are.
    left: Option<u32>,
}

#[derive(Debug)]
enum Kind {
    Listening(UnixListener, Option<Arc<SocketFile>>),
    Connecting { path: PathBuf, pause: Duration },
    Connected(Option<UnixStream>),
}

impl Endpoint {
    /// Listens on a socket in the file system, which is removed in the end. One that is there already and that nobody listens
    /// on, of a daemon that was killed, is taken away.
    ///
    /// # Errors
    ///
    /// [`DaemonError::Socket`]; also if there is something else than a socket, or a daemon that answers.
    pub fn listen(path: &Path) -> Result<Self, DaemonError> {
        let failed = |source| DaemonError::Socket {
            what: "listening on",
            path: path.to_owned(),
            source,
        };
        make_room(path).map_err(failed)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        let file = SocketFile::new(path).map_err(failed)?;
        Ok(Kind::Listening(listener, Some(Arc::new(file))).into())
    }

    /// Connects to a frontend that listens, and again when it has gone. It need not be there yet.
    #[must_use]
    pub fn connect(path: &Path) -> Self {
        let (path, pause) = (path.to_owned(), Duration::ZERO);
        Kind::Connecting { path, pause }.into()
    }

    /// Takes a socket that somebody else made: one that listens, or one that is connected to a frontend, which can come but once.
    ///
    /// # Errors
    ///
    /// [`DaemonError::Inherited`] if it is no Unix socket.
    pub fn inherited(socket: OwnedFd) -> Result<Self, DaemonError> {
        let domain =
            socket_domain(&socket).map_err(|errno| DaemonError::Inherited(errno.into()))?;
        if domain != AddressFamily::UNIX {
            let error = Error::new(ErrorKind::InvalidInput, "not a Unix socket");
            return Err(DaemonError::Inherited(error));
        }
        match socket_acceptconn(&socket) {
            Ok(true) => Ok(Kind::Listening(UnixListener::from(socket), None).into()),
            Ok(false) => Ok(Kind::Connected(Some(UnixStream::from(socket))).into()),
            Err(errno) => Err(DaemonError::Inherited(errno.into())),
        }
    }

    /// The same for one frontend only.
    #[must_use]
    pub fn once(self) -> Self {
        Self {
            left: Some(1),
            ..self
        }
    }

    /// The next frontend; `None` when there will be none, or all is to end. Blocks.
    ///
    /// # Errors
    ///
    /// [`DaemonError::Frontend`] when the system has no connection to give; it may have one later.
    pub fn frontend(&mut self, stop: &Stop) -> Result<Option<UnixStream>, DaemonError> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let frontend = match &mut self.kind {
            Kind::Listening(listener, _) => {
                accept(listener, stop).map_err(DaemonError::Frontend)?
            }
            Kind::Connecting { path, pause } => connect(path, pause, stop),
            Kind::Connected(frontend) => frontend.take(),
        };
        if let (Some(_), Some(left)) = (&frontend, &mut self.left) {
            *left -= 1;
        }
        Ok(frontend)
    }

    /// The file that is removed in the end, if there is one.
    pub(super) fn file(&self) -> Option<Arc<SocketFile>> {
        match &self.kind {
            Kind::Listening(_, file) => file.clone(),
            _ => None,
        }
    }
}

impl From<Kind> for Endpoint {
    fn from(kind: Kind) -> Self {
        Self { kind, left: None }
    }
}

/// A socket in the file system. It is removed in the end, unless somebody has put another in its place.
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        let identity = identity(&fs::symlink_metadata(path)?);
        let path = path.to_owned();
        Ok(Self { path, identity })
    }

    /// Removes it, if it is still there.
    pub(super) fn remove(&self) {
        let metadata = fs::symlink_metadata(&self.path);
        if metadata.is_ok_and(|it| identity(&it) == self.identity) {
            // Where that is not allowed it stays, and is taken away by the next daemon.
            let _kept = fs::remove_file(&self.path);
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

impl fmt::Debug for SocketFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SocketFile").field(&self.path).finish()
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Takes away a socket that nobody listens on.
fn make_room(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let in_the_way = |what| Err(Error::new(ErrorKind::AlreadyExists, what));
    if !metadata.file_type().is_socket() {
        return in_the_way(
            "there is a file of that name, which is not a socket: remove it, or choose another name",
        );
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => match fs::remove_file(path) {
            // Somebody else may have done so already.
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
        Err(error) => Err(Error::new(
            error.kind(),
            format!(
                "there is a socket already, and whether somebody listens on it cannot be found out: {error}"
            ),
        )),
        Ok(_) => {
            in_the_way("somebody else listens there: end that program, or choose another name")
        }
    }
}

fn accept(listener: &UnixListener, stop: &Stop) -> io::Result<Option<UnixStream>> {
    loop {
        match stop.wait([(listener.as_fd(), PollFlags::IN)], None)? {
            Waited::Stopped => return Ok(None),
            Waited::Ready([false]) => {}
            Waited::Ready([true]) => match listener.accept() {
                // Another process that has the same socket was quicker, or the frontend went.
                Err(error)
                    if [
                        ErrorKind::WouldBlock,
                        ErrorKind::ConnectionAborted,
                        ErrorKind::Interrupted,
                    ]
                    .contains(&error.kind()) => {}
                accepted => return Ok(Some(accepted?.0)),
            },
        }
    }
}

/// Tries until it succeeds, at first at once, and then less and less often. A frontend that goes at once is not hurried to.
fn connect(path: &Path, pause: &mut Duration, stop: &Stop) -> Option<UnixStream> {
    loop {
        stop.pause(*pause);
        if stop.is_stopped() {
            return None;
        }
        if let Ok(frontend) = UnixStream::connect(path) {
            *pause = SHORTEST;
            return Some(frontend);
        }
        *pause = (*pause * 2).clamp(SHORTEST, LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_socket_that_nobody_listens_on_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let first = Endpoint::listen(&path).unwrap();
        let error = Endpoint::listen(&path).unwrap_err().to_string();
        assert!(error.contains("somebody else listens"), "{error}");
        assert!(path.exists());
        drop(first);
        assert!(!path.exists());

        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Endpoint::listen(&path).unwrap());

        fs::write(&path, "text").unwrap();
        let error = Endpoint::listen(&path).unwrap_err().to_string();
        assert!(error.contains("not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");

        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(Endpoint::listen(&link).is_err());
        assert!(link.exists());
    }

    #[test]
    fn a_socket_of_somebody_else_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let endpoint = Endpoint::listen(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(endpoint);
        assert!(path.exists());
    }

    #[test]
    fn a_descriptor_must_be_a_unix_socket() {
        let file = OwnedFd::from(fs::File::open("/dev/null").unwrap());
        assert!(Endpoint::inherited(file).is_err());
        let internet = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let error = Endpoint::inherited(internet.into()).unwrap_err();
        assert!(error.to_string().contains("not a Unix socket"), "{error}");
        let (one, _other) = UnixStream::pair().unwrap();
        let mut endpoint = Endpoint::inherited(one.into()).unwrap();
        let stop = Stop::new().unwrap();
        assert!(endpoint.frontend(&stop).unwrap().is_some());
        assert!(endpoint.frontend(&stop).unwrap().is_none());
    }
}
