//! What a NIC and a connection take of memory.
//!
//! What counts is memory that a process has written to and shares with nobody. The library is measured in a process of its
//! own, this program once more, so that nothing else is in the figure; other programs as they are.

mod nics;
mod program;

use std::time::Duration;

use anyhow::{Context, Result};
use net_backend::bench::{Clock, Contestant, LeftOut, Role, Unit};

use super::MakeCase;
use super::case::{Case, Who};
use super::field::{Field, Section, openable};
use super::kernel::{Entrant, Guest};
use super::stacks::host::{Host, Service};

use program::Finishing;

pub(crate) use program::{Options, measure};

/// NICs that the library opens, so that what is there once hardly counts.
const NICS: usize = 16;
/// Idle connections of one NIC.
const CONNECTIONS: usize = 200;

/// All cases of this section.
pub(super) fn section(field: &Field) -> Section {
    let (peers, mut left_out) = Entrant::peers(field);
    let (networks, why_not) = Entrant::networks(field);
    left_out.extend(why_not);
    let (named, free): (Vec<&String>, _) = field.uris.iter().partition(|uri| has_name(uri));
    left_out.extend(named.into_iter().map(|uri| LeftOut {
        what: format!("{uri} in the rows of memory"),
        why: format!("a device with a name cannot be opened {NICS} times"),
        is_failure: false,
    }));
    let nics = free.into_iter().cloned().map(Entrant::library);
    let cases = [
        (What::Nic, nics.collect::<Vec<Entrant>>()),
        (What::Connection, networks),
    ];
    let cases = cases.into_iter().filter(|(_, library)| !library.is_empty());
    let cases = cases.map(|(what, mut entrants)| -> MakeCase {
        entrants.extend_from_slice(&peers);
        Box::new(move || Ok(Box::new(Row::new(what, &entrants))))
    });
    Section {
        cases: cases.collect(),
        left_out,
    }
}

/// Whether a URI leads to one device, which others may have already.
fn has_name(uri: &str) -> bool {
    let mut of_process = ["slirp:", "loopback:", "null:"].iter();
    !of_process.any(|it| uri.starts_with(it)) && openable(uri) == uri
}

/// What takes memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Nic,
    Connection,
}

/// One of them.
struct Row {
    what: What,
    entrants: Vec<Entrant>,
    /// Made when somebody needs it.
    host: Option<Host>,
    /// The other program of the next run.
    guest: Option<Guest>,
    /// Those of this program's processes that take their time.
    finishing: Vec<Finishing>,
}

impl Row {
    fn new(what: What, entrants: &[Entrant]) -> Self {
        Self {
            what,
            entrants: entrants.to_vec(),
            host: None,
            guest: None,
            finishing: Vec::new(),
        }
    }

    fn port(&mut self) -> Result<u16> {
        let host = match self.host.take() {
            Some(host) => host,
            None => Host::start(Duration::ZERO)?,
        };
        Ok(self.host.insert(host).port(Service::Hold))
    }
}

impl Case for Row {
    fn name(&self) -> String {
        let name = match self.what {
            What::Nic => "memory NIC",
            What::Connection => "memory connection",
        };
        name.to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Memory
    }

    fn clock(&self) -> Clock {
        Clock::Value
    }

    fn contestants(&self) -> Vec<Contestant> {
        self.entrants.iter().map(Entrant::contestant).collect()
    }

    fn remarks(&self) -> Vec<String> {
        let has_peers = self.contestants().iter().any(|it| it.role == Role::Peer);
        let mut remarks = match self.what {
            What::Nic => vec![format!(
                "each of {NICS} NICs in one process, after frames both ways; without what the process had before"
            )],
            What::Connection => vec![format!(
                "each of {CONNECTIONS} idle TCP connections of one NIC, after one byte both ways"
            )],
        };
        if has_peers && self.what == What::Nic {
            remarks.push(
                "slirp4netns and pasta are a process for each NIC, all of which counts".to_owned(),
            );
        }
        remarks
            .push("private memory that was written to; the kernel's own is not counted".to_owned());
        remarks
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        let port = self.port()?;
        let entrant = self.entrants.get(contestant).context("no such entrant")?;
        if let Entrant::Peer { .. } = entrant {
            let guest = entrant.start()?;
            // Something has passed.
            guest.hold(port, 1)?;
            self.guest = Some(guest);
        }
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let (what, port) = (self.what, self.port()?);
        let entrant = self.entrants.get(contestant).context("no such entrant")?;
        if let Entrant::Library { uri, .. } = entrant {
            let (bytes, process) = match what {
                What::Nic => program::nics(uri, NICS)?,
                What::Connection => program::connections(uri, port, CONNECTIONS)?,
            };
            self.finishing.push(process);
            return Ok(bytes);
        }
        let guest = self.guest.as_ref().context("it was not started")?;
        let process = guest.process().context("it is no process")?;
        let memory = || process.private_memory();
        match what {
            What::Nic => memory(),
            What::Connection => {
                let hold = || guest.hold(port, CONNECTIONS);
                growth(memory, CONNECTIONS, hold).map(|(bytes, _)| bytes)
            }
        }
    }

    fn settle(&mut self, _: Who) -> Result<u64> {
        self.guest = None;
        self.finishing.retain_mut(Finishing::is_running);
        Ok(0)
    }
}

/// By how much memory grows for each of `count` things; and the things.
fn growth<T>(
    memory: impl Fn() -> Result<u64>,
    count: usize,
    make: impl FnOnce() -> Result<T>,
) -> Result<(u64, T)> {
    let before = memory()?;
    let things = make()?;
    let bytes = memory()?.saturating_sub(before);
    Ok((bytes / u64::try_from(count)?, things))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn growth_is_for_each() {
        let used = Cell::new(5000);
        let make = || {
            used.set(used.get() + 400);
            Ok(())
        };
        assert_eq!(growth(|| Ok(used.get()), 4, make).unwrap(), (100, ()));
        let free = || {
            used.set(0);
            Ok(())
        };
        assert_eq!(growth(|| Ok(used.get()), 4, free).unwrap(), (0, ()));
    }
}
