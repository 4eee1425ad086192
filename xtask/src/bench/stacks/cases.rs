//! What is measured: bulk both ways, round trips, connections, and what idle connections cost.

use std::time::Duration;

use anyhow::{Context, Result};
use net_backend::bench::{Clock, Contestant, Role, Unit};

use super::super::MakeCase;
use super::super::case::{Case, Who};
use super::super::field::{Field, Section};
use super::entrant::{Client, Entrant, Offloads, Threading};
use super::host::{Host, Service};
use super::peer::Peer;

/// How many connections are idle in the rows about them.
const IDLE: usize = 400;

/// So often a peer may get stuck and be started again in one case.
const FAILURES: usize = 5;

/// All cases of this file.
pub(in super::super) fn section(field: &Field) -> Section {
    let _everybody = field;
    let work = [
        Work::Upload,
        Work::Download,
        Work::RoundTrips,
        Work::Connections,
        Work::Idle,
    ]
    .map(|work| -> MakeCase { Box::new(move || Ok(Box::new(Slirp::new(work)?))) });
    Section::of(work.into())
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Upload,
    Download,
    RoundTrips,
    Connections,
    /// Round trips too, with and without idle connections.
    Idle,
}

/// One kind of work.
struct Slirp {
    work: Work,
    host: Host,
    field: Vec<Starter>,
    missing: Vec<Peer>,
}

/// Who takes part, and what it is once it has started.
struct Starter {
    entrant: Entrant,
    idle: usize,
    client: Option<Client>,
    /// Why it had to be started again, each time.
    failures: Vec<String>,
}

impl Slirp {
    fn new(work: Work) -> Result<Self> {
        let peers = Peer::ALL.into_iter();
        let (present, missing): (Vec<Peer>, Vec<Peer>) =
            peers.partition(|peer| Entrant::Peer(*peer).is_installed());
        let mut entrants = work.entrants();
        entrants.extend(present.into_iter().map(Entrant::Peer));
        let idle: &[usize] = match work {
            Work::Idle => &[0, IDLE],
            _ => {
                entrants.push(Entrant::Loopback);
                &[0]
            }
        };
        let field = entrants.into_iter().flat_map(|entrant| {
            idle.iter().map(move |idle| Starter {
                entrant,
                idle: *idle,
                client: None,
                failures: Vec::new(),
            })
        });
        Ok(Self {
            work,
            host: Host::start(work.duration())?,
            field: field.collect(),
            missing,
        })
    }

    fn attempt(&mut self, contestant: Who) -> Result<u64> {
        let (work, duration) = (self.work, self.work.duration());
        let services = [Service::Sink, Service::Source, Service::Echo];
        let [sink, source, echo] = services.map(|service| self.host.port(service));
        let client = self.client(contestant)?;
        match work {
            Work::Upload => client.upload(sink, duration),
            Work::Download => client.download(source, duration),
            Work::RoundTrips | Work::Idle => client.round_trips(duration),
            Work::Connections => client.connections(echo, duration),
        }
    }

    fn client(&mut self, contestant: Who) -> Result<&mut Client> {
        let starter = self.field.get_mut(contestant);
        let client = starter.and_then(|starter| starter.client.as_mut());
        client.context("it was not started")
    }
}

impl Case for Slirp {
    fn name(&self) -> String {
        let name = match self.work {
            Work::Upload => "slirp upload: guest to host, one TCP flow, MTU 1500",
            Work::Download => "slirp download: host to guest, one TCP flow, MTU 1500",
            Work::RoundTrips => "slirp round trip: one byte there and back over TCP",
            Work::Connections => "slirp connections: open, one byte there and back, close",
            Work::Idle => "slirp idle: round trip beside 400 idle connections and beside none",
        };
        name.to_owned()
    }

    fn unit(&self) -> Unit {
        match self.work {
            Work::Upload | Work::Download => Unit::Byte,
            Work::RoundTrips | Work::Idle => Unit::RoundTrip,
            Work::Connections => Unit::Connection,
        }
    }

    fn clock(&self) -> Clock {
        Clock::Wall
    }

    fn duration(&self) -> Duration {
        self.work.duration()
    }

    fn contestants(&self) -> Vec<Contestant> {
        let field = self.field.iter().map(|starter| {
            let role = match starter.entrant {
                Entrant::Slirp { .. } => Role::Library,
                Entrant::Peer(_) => Role::Peer,
                Entrant::Loopback => Role::Limit,
            };
            let name = match starter.idle {
                0 => starter.entrant.name(),
                idle => format!("{}, {idle} idle", starter.entrant.name()),
            };
            Contestant::new(name, role)
        });
        field.collect()
    }

    fn remarks(&self) -> Vec<String> {
        let missing = self.missing.iter().map(|peer| {
            let package = peer.need().package;
            let name = peer.name();
            format!("{name} is missing: `sudo apt-get install {package}`")
        });
        let lossy = self.field.iter().filter_map(|starter| {
            let count = starter.client.as_ref()?.retransmissions();
            let name = starter.entrant.name();
            (count > 0).then(|| format!("{name}: something had to be sent again {count} times"))
        });
        let failed = self.field.iter().filter_map(|starter| {
            let (name, count) = (starter.entrant.name(), starter.failures.len());
            let why = starter.failures.last()?;
            Some(format!(
                "{name} was started again {count} times; the last time it was {why}"
            ))
        });
        missing.chain(lossy).chain(failed).collect()
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        let starter = self.field.get_mut(contestant).context("no such entrant")?;
        if starter.client.is_none() {
            let mut client = starter.entrant.start(&self.host)?;
            let held = client.hold(self.host.port(Service::Hold), starter.idle);
            held.with_context(|| starter.entrant.name())?;
            starter.client = Some(client);
        }
        if self.unit() == Unit::RoundTrip {
            let port = self.host.port(Service::Echo);
            self.client(contestant)?.open_echo(port)?;
        }
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        loop {
            let error = match self.attempt(contestant) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let starter = self.field.get_mut(contestant);
            let starter = starter.context("no such entrant")?;
            // What peers cannot do spoils no figures of others. The library has no such excuse.
            let is_peer = matches!(starter.entrant, Entrant::Peer(_));
            if !is_peer || starter.failures.len() == FAILURES {
                return Err(error.context(starter.entrant.name()));
            }
            starter.failures.push(format!("{error:#}"));
            starter.client = None;
            self.prepare(contestant)?;
        }
    }
}

impl Work {
    fn duration(self) -> Duration {
        Duration::from_millis(match self {
            Self::Upload | Self::Download => 150,
            Self::Connections => 100,
            Self::RoundTrips | Self::Idle => 60,
        })
    }

    /// The ways to use the library that matter here.
    fn entrants(self) -> Vec<Entrant> {
        let offloads: &[Offloads] = match self {
            Self::Upload => &[Offloads::None, Offloads::Transmit],
            Self::Download => &[Offloads::Receive, Offloads::None],
            Self::RoundTrips | Self::Connections | Self::Idle => &[Offloads::None],
        };
        let both = offloads.iter().flat_map(|offloads| {
            [Threading::Inline, Threading::Own].map(|threading| Entrant::Slirp {
                threading,
                offloads: *offloads,
            })
        });
        both.collect()
    }
}
