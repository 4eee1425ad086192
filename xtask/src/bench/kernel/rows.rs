//! What is measured: one flow both ways, round trips, connections.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use net_backend::bench::{Clock, Contestant, Unit};

use super::super::MakeCase;
use super::super::case::{Case, Who};
use super::super::field::{Field, Section};
use super::super::stacks::host::{Host, Service};
use super::client;
use super::entrant::Entrant;
use super::guest::Guest;

/// All cases of this section; none without a backend to measure.
pub(in crate::bench) fn section(field: &Field) -> Section {
    let (library, why_not) = Entrant::networks(field);
    if library.is_empty() {
        return Section {
            left_out: why_not,
            ..Section::default()
        };
    }
    let (peers, left_out) = Entrant::peers(field);
    let make = |work: Work| -> MakeCase {
        let entrants = work.entrants(&library, &peers);
        Box::new(move || Ok(Box::new(Row::new(work, &entrants))))
    };
    Section {
        cases: Work::ALL.map(make).into(),
        left_out,
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Upload,
    Download,
    RoundTrip,
    Connections,
}

impl Work {
    const ALL: [Self; 4] = [
        Self::Upload,
        Self::Download,
        Self::RoundTrip,
        Self::Connections,
    ];

    fn is_bulk(self) -> bool {
        matches!(self, Self::Upload | Self::Download)
    }

    /// How long each contestant has in each round: two runs, and one where it has to be quick.
    fn duration(self) -> Duration {
        Duration::from_millis(match self {
            Self::Upload | Self::Download => 150,
            Self::Connections => 100,
            Self::RoundTrip => 60,
        })
    }

    /// How long a run is.
    fn run(self) -> Duration {
        self.duration() / 2
    }

    fn entrants(self, library: &[Entrant], peers: &[Entrant]) -> Vec<Entrant> {
        let mut all = library.to_vec();
        if self.is_bulk() {
            all.extend(library.iter().filter_map(Entrant::without_offloads));
            // The thread makes no difference here.
            let first = library.iter().take(1);
            all.extend(first.filter_map(Entrant::with_long_packets));
        }
        all.extend_from_slice(peers);
        if self.is_bulk() {
            all.extend(peers.iter().filter_map(Entrant::with_long_packets));
        }
        all.extend([Entrant::Veth, Entrant::Loopback]);
        all
    }
}

/// One kind of work.
struct Row {
    work: Work,
    /// Made when the first guest needs it.
    host: Option<Host>,
    field: Vec<(Entrant, Option<Guest>)>,
    /// For round trips: the connection of the next run.
    stream: Option<TcpStream>,
    times: Vec<u32>,
}

impl Row {
    fn new(work: Work, entrants: &[Entrant]) -> Self {
        let field = entrants.iter().cloned().map(|it| (it, None));
        Self {
            work,
            host: None,
            field: field.collect(),
            stream: None,
            times: Vec::new(),
        }
    }

    fn port(&self, service: Service) -> u16 {
        self.host.as_ref().map_or(0, |host| host.port(service))
    }

    fn guest(&self, contestant: Who) -> Result<&Guest> {
        let guest = self
            .field
            .get(contestant)
            .and_then(|(_, guest)| guest.as_ref());
        guest.context("it was not started")
    }

    fn attempt(&mut self, contestant: Who) -> Result<u64> {
        let [sink, source, echo] =
            [Service::Sink, Service::Source, Service::Echo].map(|service| self.port(service));
        let duration = self.work.run();
        let guest = self.guest(contestant)?;
        match self.work {
            Work::Upload => client::upload(guest.connect(sink)?, duration),
            Work::Download => client::download(guest.connect(source)?),
            Work::Connections => guest.run(move |host| client::connections(host, echo, duration)),
            Work::RoundTrip => {
                let stream = self.stream.as_ref().context("no connection is open")?;
                client::round_trips(stream, duration, &mut self.times)?;
                Ok(self.times.len() as u64)
            }
        }
    }

    /// Ends the guest that failed, which may know why.
    fn explain(&mut self, contestant: Who, error: anyhow::Error) -> anyhow::Error {
        let guest = self
            .field
            .get_mut(contestant)
            .and_then(|(_, guest)| guest.take());
        match guest {
            Some(guest) => guest.explain(error),
            None => error,
        }
    }
}

impl Case for Row {
    fn name(&self) -> String {
        let name = match self.work {
            Work::Upload => "kernel upload",
            Work::Download => "kernel download",
            Work::RoundTrip => "kernel round trip",
            Work::Connections => "kernel connections",
        };
        name.to_owned()
    }

    fn unit(&self) -> Unit {
        match self.work {
            Work::Upload | Work::Download => Unit::Byte,
            Work::RoundTrip => Unit::RoundTrip,
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
        self.field.iter().map(|(it, _)| it.contestant()).collect()
    }

    fn remarks(&self) -> Vec<String> {
        let what = match self.work {
            Work::Upload => {
                "one TCP flow from the guest to the host, MTU 1500 if not said otherwise"
            }
            Work::Download => {
                "one TCP flow from the host to the guest, MTU 1500 if not said otherwise"
            }
            Work::RoundTrip => "one byte there and back over TCP",
            Work::Connections => "open, one byte there and back, close",
        };
        let mut remarks = vec![format!(
            "the guest is this kernel in a namespace, with Reno: {what}"
        )];
        let has_peers = self
            .field
            .iter()
            .any(|(it, _)| matches!(it, Entrant::Peer { .. }));
        if has_peers && self.work.is_bulk() {
            let text = "slirp4netns and pasta have no offloads on a tap: their guest sends and receives single segments, which are long where packets are";
            remarks.push(text.to_owned());
        }
        remarks
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        if self.host.is_none() {
            self.host = Some(Host::start(self.work.run())?);
        }
        let (entrant, guest) = self.field.get_mut(contestant).context("no such entrant")?;
        if guest.is_none() {
            *guest = Some(entrant.start()?);
        }
        self.times.clear();
        if self.work == Work::RoundTrip {
            // A round trip takes no less than a few microseconds.
            self.times.reserve(1 << 15);
            self.stream = Some(self.guest(contestant)?.connect(self.port(Service::Echo))?);
        }
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let outcome = self.attempt(contestant);
        outcome.map_err(|error| self.explain(contestant, error))
    }

    fn settle(&mut self, _: Who) -> Result<u64> {
        match self.stream.take() {
            Some(stream) => client::close(stream).map(|()| 0),
            None => Ok(0),
        }
    }

    fn latencies(&mut self, _: Who) -> Vec<u32> {
        std::mem::take(&mut self.times)
    }

    fn time_of_others(&mut self, contestant: Who) -> Duration {
        let process = self.guest(contestant).ok().and_then(Guest::process);
        process.map_or(Duration::ZERO, |process| process.cpu_time())
    }
}
