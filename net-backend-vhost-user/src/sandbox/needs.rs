//! What backends need after they were opened.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use net_backend::Uri;
use net_backend::slirp::{GuestForwardTarget, HostSide, SlirpConfig};

/// What a process is left with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Files to read, and directories whose files are.
    pub(crate) read: BTreeSet<PathBuf>,
    /// Devices to read and write.
    pub(crate) write: BTreeSet<PathBuf>,
    /// Directories to take files away from.
    pub(crate) remove_in: BTreeSet<PathBuf>,
    /// The host's `resolv.conf`.
    pub(crate) name_servers: bool,
    /// Sockets of IPv4 and IPv6.
    pub(crate) internet: bool,
    /// Requests to taps.
    pub(crate) tap: bool,
    /// Requests to netmap.
    pub(crate) netmap: bool,
}

impl Needs {
    /// Those of the backend with this URI. One that is wrong needs nothing: it is not opened.
    ///
    /// # Errors
    ///
    /// What no sandbox leaves.
    pub(crate) fn of(uri: &str) -> Result<Self, &'static str> {
        let Ok(uri) = uri.parse::<Uri>() else {
            return Ok(Self::default());
        };
        let mut needs = Self::default();
        match uri.scheme() {
            "slirp" => match SlirpConfig::from_uri(&uri) {
                Ok(config) => needs.add_slirp(&config)?,
                Err(_) => return Ok(needs),
            },
            "tap" => needs.tap = true,
            "netmap" => {
                needs.netmap = true;
                needs.write.insert("/dev/netmap".into());
            }
            _ => {}
        }
        Ok(needs)
    }

    /// These too.
    pub(crate) fn add(&mut self, others: &Self) {
        self.read.extend(others.read.iter().cloned());
        self.write.extend(others.write.iter().cloned());
        self.remove_in.extend(others.remove_in.iter().cloned());
        self.name_servers |= others.name_servers;
        self.internet |= others.internet;
        self.tap |= others.tap;
        self.netmap |= others.netmap;
    }

    /// Taking this file away.
    pub(crate) fn removes(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.remove_in.extend(path.parent().map(Path::to_owned));
    }

    /// Whether any file is opened, and whether for writing.
    pub(crate) fn opens(&self) -> (bool, bool) {
        let reads = self.name_servers || !self.read.is_empty();
        (reads, !self.write.is_empty())
    }

    fn add_slirp(&mut self, config: &SlirpConfig) -> Result<(), &'static str> {
        self.internet = true;
        self.name_servers = config.dns;
        self.read.extend(config.tftp.clone());
        for forward in &config.host_forwards {
            if let HostSide::Unix(path) = &forward.host {
                self.removes(path);
            }
        }
        for forward in &config.guest_forwards {
            match forward.target {
                GuestForwardTarget::Command(_) => return Err("guestfwd to a command"),
                // What it is passed on by has a directory there, or in /tmp if that one's name is too long.
                GuestForwardTarget::Tcp(..) | GuestForwardTarget::Unix(_) => {
                    self.remove_in.insert(std::env::temp_dir());
                    self.remove_in.insert("/tmp".into());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_left_what_its_uri_names() {
        assert_eq!(Needs::of("loopback:").unwrap(), Needs::default());
        assert_eq!(Needs::of("no URI").unwrap(), Needs::default());
        let tap = Needs::of("tap:tap0?queues=2").unwrap();
        assert!(tap.tap && !tap.internet);
        assert_eq!(tap.opens(), (false, false));
        let slirp = Needs::of("slirp:?tftp=/srv/boot&hostfwd=unix:/run/x/ssh-:22").unwrap();
        assert!(slirp.internet && slirp.name_servers && !slirp.tap);
        assert_eq!(slirp.read, [PathBuf::from("/srv/boot")].into());
        assert_eq!(slirp.remove_in, [PathBuf::from("/run/x")].into());
        let mute = Needs::of("slirp:?disable-dns=on").unwrap();
        assert_eq!(mute.opens(), (false, false));
        assert_eq!(Needs::of("netmap:vale0:1").unwrap().opens(), (false, true));
    }

    #[test]
    fn commands_are_refused() {
        let need = Needs::of("slirp:?guestfwd=tcp::80-cmd:/bin/cat").unwrap_err();
        assert_eq!(need, "guestfwd to a command");
        let relayed = Needs::of("slirp:?guestfwd=tcp::80-tcp:127.0.0.1:80").unwrap();
        assert!(relayed.remove_in.contains(Path::new("/tmp")));
    }

    #[test]
    fn several_backends_have_the_needs_of_all() {
        let mut needs = Needs::of("tap:tap0").unwrap();
        needs.add(&Needs::of("slirp:").unwrap());
        needs.removes(Path::new("/run/x/socket"));
        assert!(needs.tap && needs.internet && needs.name_servers && !needs.netmap);
        assert_eq!(needs.remove_in, [PathBuf::from("/run/x")].into());
    }
}
