//! The two networks that are to be joined.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use net_backend::{NetBackend, Uri};
use net_backend_tap::testing::{Interface, NetworkNamespace};

use crate::needs::Need;

/// What interfaces are moved to other networks with.
pub(super) const IP: Need = Need {
    package: "iproute2",
    program: Some("ip"),
};

/// Names of the interfaces at both ends.
pub(super) const NAMES: [&str; 2] = ["left", "right"];
/// Their addresses, and the bits of their network's prefix.
pub(super) const ADDRESSES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
pub(super) const PREFIX: u8 = 24;
/// Their MTU.
pub(super) const MTU: u16 = 1500;
/// More frames than a TCP window has: what the queues cannot hold is lost.
pub(super) const QUEUE: u32 = 10_000;
/// How [`ip`] is told of another network.
pub(super) const OTHER: &str = "/proc/self/fd/0";

/// How long it may take until they are joined.
const PATIENCE: Duration = Duration::from_secs(10);
/// When to try again.
const AGAIN: Duration = Duration::from_millis(10);

/// Two networks.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) left: NetworkNamespace,
    pub(super) right: NetworkNamespace,
}

impl Ends {
    /// Makes them. Nothing joins them yet.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            left: NetworkNamespace::new()?,
            right: NetworkNamespace::new()?,
        })
    }

    /// Both, with the names of their interfaces and their addresses.
    pub(super) fn both(&self) -> [(&NetworkNamespace, &'static str, Ipv4Addr); 2] {
        let ([left, right], [one, other]) = (NAMES, ADDRESSES);
        [(&self.left, left, one), (&self.right, right, other)]
    }

    /// Opens a backend in each, and gives its interface an address. Of the URI only is taken what it says by itself.
    ///
    /// # Errors
    ///
    /// What the backend says.
    pub(super) fn open(&self, uri: &Uri) -> Result<[Box<dyn NetBackend>; 2]> {
        let open = |(network, name, address): (&NetworkNamespace, &str, Ipv4Addr)| {
            let uri = completed(uri, name);
            network.run(move || -> Result<_> {
                let backend = net_backend::open(&uri.to_string());
                let backend = backend.with_context(|| format!("cannot open {uri}"))?;
                // The kernel may have chosen its name.
                let interface = Interface::named(backend.describe().target());
                interface.disable_ipv6()?;
                interface.set_ipv4(address, PREFIX)?;
                Ok(backend)
            })
        };
        let [left, right] = self.both().map(open);
        Ok([left?, right?])
    }

    /// Moves the right end's interface from the left network to where it belongs, and configures both.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn divide(&self) -> Result<()> {
        let [_, right] = NAMES;
        let line = format!("link set {right} netns {OTHER}");
        ip(&self.left, &line, Some(&self.right))?;
        self.configure()
    }

    /// Gives the interfaces at both ends what the backends' have.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn configure(&self) -> Result<()> {
        for (network, name, address) in self.both() {
            let configured = network.run(move || {
                let interface = Interface::named(name);
                interface.disable_ipv6()?;
                interface.set_mtu(MTU)?;
                interface.set_transmit_queue_length(QUEUE)?;
                interface.set_up()?;
                interface.set_ipv4(address, PREFIX)
            });
            configured.with_context(|| format!("cannot configure {name}"))?;
        }
        Ok(())
    }

    /// Waits until something gets from left to right: links come up by and by, and lose what comes before.
    ///
    /// # Errors
    ///
    /// If nothing does.
    pub(super) fn greet(&self) -> Result<()> {
        let [left, right] = self
            .both()
            .map(|(network, _, address)| network.run(move || UdpSocket::bind((address, 0))));
        let (left, right) = (left?, right?);
        right.set_read_timeout(Some(AGAIN))?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            left.send_to(&[0], right.local_addr()?)?;
            match right.recv(&mut [0]) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        bail!("nothing gets from one network to the other")
    }
}

/// Runs ip(8) in a network. `other` is a second network, and is [`OTHER`] in `line`.
///
/// # Errors
///
/// What it says.
pub(super) fn ip(
    network: &NetworkNamespace,
    line: &str,
    other: Option<&NetworkNamespace>,
) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(line.split_whitespace()).stdin(Stdio::null());
    if let Some(other) = other {
        command.stdin(File::open(other.path())?);
    }
    let output = network
        .run(move || command.output())
        .context("cannot run ip")?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("ip {line}: {}", message.trim());
    }
    Ok(())
}

/// What is asked for, and where that says nothing, what everybody has.
fn completed(asked: &Uri, name: &str) -> Uri {
    let mut uri = asked.clone();
    if uri.target().is_empty() {
        uri = uri.with_target(name);
    }
    for (key, value) in [("mtu", u32::from(MTU)), ("txqueuelen", QUEUE)] {
        if !asked.pairs().any(|(other, _)| other == key) {
            uri = uri.with_option(key, value);
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_kept() {
        let completed = |uri: &str| completed(&uri.parse().unwrap(), "left").to_string();
        assert_eq!(completed("tap:"), "tap:left?mtu=1500&txqueuelen=10000");
        assert_eq!(
            completed("tap:x?mtu=9000&queues=2"),
            "tap:x?mtu=9000&queues=2&txqueuelen=10000"
        );
    }
}
