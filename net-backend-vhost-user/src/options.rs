//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Parser};
use net_backend::{MacAddr, MacAddrError};

use crate::sandbox::SandboxMode;

/// A NIC for virtual machines, by vhost-user
///
/// Serves any backend of net-backend as a virtio-net device to QEMU, Cloud Hypervisor, crosvm and others. The network stays when a
/// virtual machine goes, and is there for the next one that connects.
#[derive(Debug, Parser)]
#[command(version, name = "net-backend-vhost-user", after_long_help = MORE)]
#[command(group(ArgGroup::new("frontend").required(true).args(["socket", "fd", "device"])))]
pub(crate) struct Options {
    /// The backend, in the words of `net_backend::open`: slirp:, tap:tap0?queues=2
    #[arg(
        value_name = "URI",
        required_unless_present = "device",
        conflicts_with = "device"
    )]
    uri: Option<String>,
    /// Listen for the virtual machine on this socket
    ///
    /// It is removed in the end. One that nobody listens on, of a daemon that was killed, is taken away.
    #[arg(long, value_name = "PATH", visible_alias = "socket-path")]
    socket: Option<PathBuf>,
    /// Use this descriptor instead: a Unix socket that listens, or is connected
    #[arg(long, value_name = "N", conflicts_with = "client")]
    #[arg(value_parser = clap::value_parser!(i32).range(3..))]
    fd: Option<i32>,
    /// Connect to the socket, on which the virtual machine listens, and again when it has gone
    #[arg(long, conflicts_with = "device")]
    client: bool,
    /// Queue pairs to offer; as many as the backend has, by default
    #[arg(long, value_name = "N", conflicts_with = "device")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    queues: Option<u16>,
    /// Threads that serve the queue pairs, which are dealt to them in turn; one for each pair, by default
    #[arg(long, value_name = "N", conflicts_with = "device")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// The NIC's address; what the backend says, or what the virtual machine has, by default
    #[arg(long, conflicts_with = "device", value_parser = own_address)]
    mac: Option<MacAddr>,
    /// A device of several in this process: socket=PATH[,client][,queues=N][,threads=N][,mac=MAC],uri=URI
    ///
    /// May be given several times. What is behind `uri=`, the last one, may contain commas; a path may not. `fd=N` stands instead of
    /// `socket=PATH`.
    #[arg(long, value_name = "DEVICE")]
    device: Vec<DeviceArgument>,
    /// Write the process's number to this file when the sockets are there; it is removed in the end
    #[arg(long, value_name = "FILE", visible_alias = "pid")]
    pub(crate) pid_file: Option<PathBuf>,
    /// End when the virtual machine has gone
    #[arg(long)]
    pub(crate) once: bool,
    /// Keep out of reach what serving does not need
    ///
    /// With `log`, system calls that are not needed are made, and told to the kernel's log, instead of ending the process.
    #[arg(long, value_name = "on|off|log", default_value_t)]
    pub(crate) sandbox: SandboxMode,
    /// Say as JSON what this is, and end; everything else is ignored
    #[arg(long)]
    print_capabilities: bool,
}

/// What is longer than an option.
const MORE: &str = "\
Threads: each queue pair has one, or with --threads shares one, which serves both of its directions; that of the first pair has the control \
queue too. A thread \
per device takes connections and messages. A backend may have threads of its own (slirp: has one).

Signals: SIGTERM and SIGINT end it: connections are closed, sockets and the file of --pid-file are removed. A second one ends it at once.

Lines on the standard error output are limited to 20 at once and one in 10 seconds for each device: a guest cannot fill a log.

With QEMU (memory must be shared; add reconnect-ms=1000, or reconnect=1 before QEMU 9.2, to the chardev for a daemon that is restarted):
  net-backend-vhost-user --socket /run/nic0 slirp:
  qemu-system-x86_64 -object memory-backend-memfd,id=mem,size=1G,share=on -machine memory-backend=mem \\
    -chardev socket,id=c0,path=/run/nic0 -netdev vhost-user,id=n0,chardev=c0 -device virtio-net-pci,netdev=n0";

/// A device to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceArgument {
    /// Where frontends come from.
    pub(crate) place: Place,
    /// Queue pairs to offer.
    pub(crate) queues: Option<u16>,
    /// Threads that serve these.
    pub(crate) threads: Option<u16>,
    /// The NIC's address.
    pub(crate) mac: Option<MacAddr>,
    /// The backend.
    pub(crate) uri: String,
}

/// Where frontends come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// They connect to this socket.
    Listen(PathBuf),
    /// They listen on it.
    Connect(PathBuf),
    /// They are behind a descriptor.
    Inherited(i32),
}

impl Options {
    /// The devices that are asked for.
    pub(crate) fn devices(&self) -> Vec<DeviceArgument> {
        let place = match (&self.socket, self.fd) {
            (Some(path), _) if self.client => Some(Place::Connect(path.clone())),
            (Some(path), _) => Some(Place::Listen(path.clone())),
            (None, number) => number.map(Place::Inherited),
        };
        match (place, &self.uri) {
            (Some(place), Some(uri)) => vec![DeviceArgument {
                place,
                queues: self.queues,
                threads: self.threads,
                mac: self.mac,
                uri: uri.clone(),
            }],
            _ => self.device.clone(),
        }
    }
}

impl FromStr for DeviceArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut given = Given::default();
        let mut rest = text;
        let uri = loop {
            if let Some(uri) = rest.strip_prefix("uri=") {
                break uri;
            }
            let Some((option, behind)) = rest.split_once(',') else {
                given.take(rest)?;
                return Err(
                    "there is no uri: it comes last, as in socket=/run/nic0,uri=tap:tap0"
                        .to_owned(),
                );
            };
            given.take(option)?;
            rest = behind;
        };
        let place = match (given.socket, given.fd) {
            (Some(path), None) if given.client => Place::Connect(path),
            (Some(path), None) => Place::Listen(path),
            (None, Some(_)) if given.client => {
                return Err("client goes with socket=PATH, not with fd: a descriptor is connected already, or listens".to_owned());
            }
            (None, Some(number)) => Place::Inherited(number),
            (Some(_), Some(_)) => return Err("socket and fd: give one of them".to_owned()),
            (None, None) => return Err("there is neither socket=PATH nor fd=N".to_owned()),
        };
        Ok(Self {
            place,
            queues: given.queues,
            threads: given.threads,
            mac: given.mac,
            uri: uri.to_owned(),
        })
    }
}

/// What was read of a device.
#[derive(Debug, Default)]
struct Given {
    socket: Option<PathBuf>,
    fd: Option<i32>,
    client: bool,
    queues: Option<u16>,
    threads: Option<u16>,
    mac: Option<MacAddr>,
}

impl Given {
    fn take(&mut self, option: &str) -> Result<(), String> {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let is_new = match key {
            "socket" if value.is_empty() => return Err("socket= needs a path".to_owned()),
            "socket" => self.socket.replace(value.into()).is_none(),
            "fd" => {
                let number = number(key, value, "a descriptor, 3 or more", 3)?;
                self.fd.replace(number).is_none()
            }
            "client" if option == key => !std::mem::replace(&mut self.client, true),
            "client" => return Err(format!("client={value}: client has no value")),
            "queues" => {
                let number = number(key, value, "a number of queue pairs, 1 or more", 1)?;
                self.queues.replace(number).is_none()
            }
            "threads" => {
                let number = number(key, value, "a number of threads, 1 or more", 1)?;
                self.threads.replace(number).is_none()
            }
            "mac" => {
                let mac = own_address(value).map_err(|error| format!("mac={value}: {error}"))?;
                self.mac.replace(mac).is_none()
            }
            _ => {
                return Err(format!(
                    "\"{option}\": there are socket=PATH, fd=N, client, queues=N, threads=N, mac=MAC, and uri=URI at the end"
                ));
            }
        };
        match is_new {
            true => Ok(()),
            false => Err(format!("{key} is there twice")),
        }
    }
}

fn number<T: FromStr + PartialOrd>(
    key: &str,
    value: &str,
    what: &str,
    least: T,
) -> Result<T, String> {
    let number = value.parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| format!("{key}={value}: not {what}"))
}

/// An address that a NIC may own.
fn own_address(text: &str) -> Result<MacAddr, MacAddrError> {
    text.parse().and_then(MacAddr::owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(words: &[&str]) -> Result<Vec<DeviceArgument>, String> {
        let words = [&["program"], words].concat();
        let options = Options::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(options.devices())
    }

    fn refused(words: &[&str]) -> String {
        devices(words).unwrap_err()
    }

    const NIC: &str = "52:54:00:12:34:56";

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn one_device_is_given_by_options() {
        let mut device = DeviceArgument {
            place: Place::Listen("/run/nic".into()),
            queues: Some(2),
            threads: Some(1),
            mac: Some(NIC.parse().unwrap()),
            uri: "tap:tap0?queues=2".to_owned(),
        };
        let more = [
            "--queues=2",
            "--threads=1",
            "--mac",
            NIC,
            "tap:tap0?queues=2",
        ];
        for socket in ["--socket=/run/nic", "--socket-path=/run/nic"] {
            let words = [&[socket], &more[..]].concat();
            assert_eq!(devices(&words).unwrap(), [device.clone()]);
        }
        device.place = Place::Connect("/run/nic".into());
        let words = [&["--client", "--socket=/run/nic"], &more[..]].concat();
        assert_eq!(devices(&words).unwrap(), [device.clone()]);
        device.place = Place::Inherited(5);
        let words = [&["--fd=5"], &more[..]].concat();
        assert_eq!(devices(&words).unwrap(), [device]);
    }

    #[test]
    fn several_devices_are_given_in_one_word_each() {
        let words = [
            "--device=socket=/run/a,client,queues=2,threads=1,uri=slirp:?dns=a,b,uri=c",
            "--device=fd=7,mac=52:54:00:12:34:56,uri=loopback:",
        ];
        let found = devices(&words).unwrap();
        let [first, second] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(first.place, Place::Connect("/run/a".into()));
        assert_eq!(
            (first.queues, first.threads, first.uri.as_str()),
            (Some(2), Some(1), "slirp:?dns=a,b,uri=c")
        );
        assert_eq!(second.place, Place::Inherited(7));
        assert_eq!(second.mac, Some(NIC.parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_remedy() {
        for (word, expected) in [
            ("socket=/a", "it comes last"),
            ("socket=/a,uri", "\"uri\": there are socket=PATH"),
            ("uri=loopback:", "neither socket=PATH nor fd=N"),
            ("socket=/a,fd=4,uri=x:", "give one of them"),
            ("socket=/a,socket=/b,uri=x:", "socket is there twice"),
            ("socket=,uri=x:", "needs a path"),
            ("fd=1,uri=x:", "fd=1: not a descriptor, 3 or more"),
            ("fd=4,client,uri=x:", "client goes with socket=PATH"),
            ("socket=/a,client=1,uri=x:", "client has no value"),
            ("socket=/a,queues=0,uri=x:", "queues=0: not a number"),
            ("socket=/a,threads=no,uri=x:", "threads=no: not a number"),
            ("socket=/a,mac=1:2,uri=x:", "mac=1:2: not six pairs"),
            ("socket=/a,mac=03:00:00:00:00:01,uri=x:", "multicast"),
            ("socket=/a,mtu=9,uri=x:", "\"mtu=9\": there are"),
        ] {
            let error = refused(&["--device", word]);
            assert!(error.contains(expected), "{word}: {error}");
        }
    }

    #[test]
    fn options_that_contradict_are_refused() {
        let device = "--device=fd=4,uri=loopback:";
        for words in [
            &["loopback:"][..],
            &["--socket=/a"],
            &["--socket=/a", "--fd=4", "loopback:"],
            &["--fd=4", "--client", "loopback:"],
            &["--fd=2", "loopback:"],
            &["--socket=/a", "--queues=0", "loopback:"],
            &["--socket=/a", "--threads=0", "loopback:"],
            &["--socket=/a", "--mac=01:00:00:00:00:00", "loopback:"],
            &["--socket=/a", device],
            &[device, "loopback:"],
            &[device, "--queues=1"],
            &[device, "--threads=1"],
            &[device, "--client"],
        ] {
            let error = refused(words);
            assert!(error.contains("error:"), "{words:?}: {error}");
        }
    }
}
