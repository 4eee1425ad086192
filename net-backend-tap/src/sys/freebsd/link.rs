use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use net_backend_core::{Error, Event, Interest, LinkState, Result, Source};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use super::interface::Interfaces;
use super::route::{Notice, notice};
use super::{request, rights};

/// What happens to one interface, as the routing socket tells it to everybody (route(4)).
#[derive(Debug)]
pub(super) struct Link {
    route: OwnedFd,
    index: u16,
    state: LinkState,
}

impl Link {
    /// A socket that hears everything from now on; what it heard is for [`Link::new`]. `None` in capability mode, in
    /// which there are no sockets of this kind (`PR_CAPATTACH` in sys/sys/protosw.h); a tap that was passed works there.
    pub(super) fn listen(name: &str) -> Result<Option<OwnedFd>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let route = match socket_with(AddressFamily::ROUTE, SocketType::RAW, flags, None) {
            Err(Errno::CAPMODE) => return Ok(None),
            route => route
                .map_err(|errno| Error::system("socket(PF_ROUTE)", name, errno.into(), None))?,
        };
        rights::limit_route(route.as_fd())
            .map_err(|error| Error::system("cap_rights_limit", name, error, None))?;
        Ok(Some(route))
    }

    /// Events of interface `index`, whose state was asked for after `route` began to listen.
    pub(super) fn new(route: OwnedFd, index: u16, up: bool) -> Self {
        Self {
            route,
            index,
            state: state(up),
        }
    }

    /// The state as of the last event.
    pub(super) fn state(&self) -> LinkState {
        self.state
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.route.as_fd(),
            interest: Interest::Readable,
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.route.as_fd()
    }

    /// The next event about the interface of `tap`.
    ///
    /// The socket drops messages when nobody reads them for a long time, and says so only to those who asked for
    /// that (`SO_RERROR`, since FreeBSD 14). So the interface itself has the last word.
    pub(super) fn next_event(
        &mut self,
        tap: BorrowedFd<'_>,
        interfaces: &Interfaces,
    ) -> Option<Event> {
        let mut heard = false;
        while let Some(notice) = self.hear(&mut heard) {
            match notice {
                // An interface that is renamed or moved to another jail departs too. One that is destroyed waits
                // for its last user before it departs.
                Notice::Departed if request::name(tap).is_ok() => {}
                Notice::Departed => return Some(self.taken(Event::Gone)),
                Notice::Running(up) if state(up) == self.state => {}
                Notice::Running(up) => return Some(self.taken(link_event(up))),
            }
        }
        let name = request::name(tap).ok().filter(|_| heard)?;
        let up = interfaces.is_up(&name).ok()?;
        (state(up) != self.state).then(|| self.taken(link_event(up)))
    }

    /// The next message about the interface; `heard` tells whether there was any message.
    fn hear(&self, heard: &mut bool) -> Option<Notice> {
        // The longest message is a struct if_msghdr with addresses behind it.
        let mut buffer = [0; 2048];
        loop {
            match recv(&self.route, &mut buffer, RecvFlags::empty()) {
                Ok((_, length)) => {
                    *heard = true;
                    let message = buffer.get(..length).unwrap_or_default();
                    if let Some(notice) = notice(message, self.index) {
                        return Some(notice);
                    }
                }
                Err(Errno::NOBUFS) => *heard = true,
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    fn taken(&mut self, event: Event) -> Event {
        self.state = state(event == Event::LinkUp);
        event
    }
}

fn link_event(up: bool) -> Event {
    if up { Event::LinkUp } else { Event::LinkDown }
}

fn state(up: bool) -> LinkState {
    if up { LinkState::Up } else { LinkState::Down }
}
