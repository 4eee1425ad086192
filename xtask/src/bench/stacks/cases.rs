//! One kind of work, done by everybody who takes part in it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use net_backend::bench::{Clock, Contestant, Pair, Role, Stuck, Unit};

use super::super::case::{Case, Who};
use super::entrant::Entrant;
use super::host::{AHEAD, Service};
use super::process;
use super::site::{Running, Site};
use super::work::Work;

/// How many round trips of one run are noted.
const NOTED: usize = 20_000;

/// A row.
pub(super) struct Stacks {
    work: Work,
    /// What is said behind its name.
    suffix: &'static str,
    site: Site,
    field: Vec<Participant>,
    /// Nanoseconds of each round trip.
    took: Vec<u32>,
    /// Datagrams of the last run.
    lost: u64,
}

/// Who takes part, and what it is once it has started.
struct Participant {
    entrant: Entrant,
    /// Connections that are there all the time.
    idle: u16,
    running: Option<Running>,
}

impl Stacks {
    /// A row about `work`, with no more than so many idle connections. Nobody is started yet.
    pub(super) fn new(
        work: Work,
        suffix: &'static str,
        entrants: &[Entrant],
        most_idle: u16,
    ) -> Self {
        let entrants = entrants.iter().filter(|entrant| entrant.does(work));
        let field = entrants.flat_map(|entrant| {
            let idle = work.idle().iter().copied();
            idle.filter(|idle| *idle <= most_idle)
                .map(|idle| Participant {
                    entrant: entrant.clone(),
                    idle,
                    running: None,
                })
        });
        Self {
            work,
            suffix,
            site: Site::new(work.run()),
            field: field.collect(),
            took: Vec::new(),
            lost: 0,
        }
    }

    fn attempt(&mut self, contestant: Who) -> Result<u64> {
        let (work, duration) = (self.work, self.work.run());
        let participant = self.field.get_mut(contestant);
        let running = participant.and_then(|it| it.running.as_mut());
        let Running { client, far } = running.context("it was not started")?;
        let port = |service| far.host.port(service);
        let datagrams = port(Service::Datagrams);
        let delivery = match work {
            Work::Upload => return client.upload(port(Service::Sink), duration),
            Work::Download => return client.download(port(Service::Source), duration),
            Work::RoundTrips | Work::Idle => return client.round_trips(duration, &mut self.took),
            Work::Connections => return client.connections(port(Service::Echo), duration),
            Work::SendDatagrams(length) => {
                client.send_datagrams(datagrams, length - Work::HEADERS, duration)?
            }
            Work::ReceiveDatagrams(length) => {
                client.receive_datagrams(datagrams, length - Work::HEADERS)?
            }
        };
        ensure!(delivery.arrived > 0, "no datagram arrived");
        self.lost = delivery.sent.saturating_sub(delivery.arrived);
        Ok(delivery.sent)
    }
}

impl Case for Stacks {
    fn name(&self) -> String {
        self.work.name() + self.suffix
    }

    fn at(&self) -> Option<f64> {
        let frame = u16::try_from(self.work.frame()?).ok()?;
        Some(frame.into())
    }

    fn unit(&self) -> Unit {
        self.work.unit()
    }

    fn clock(&self) -> Clock {
        Clock::Wall
    }

    fn duration(&self) -> Duration {
        self.work.duration()
    }

    fn contestants(&self) -> Vec<Contestant> {
        let field = self.field.iter().map(|it| {
            let contestant = Contestant::new(it.entrant.name(self.work), it.entrant.role());
            match self.work {
                Work::Idle => contestant.at(it.idle.into()),
                _ => contestant,
            }
        });
        field.collect()
    }

    fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Pair::by_role(&self.contestants());
        pairs.retain(|pair| {
            let both = [pair.contender, pair.reference].map(|at| self.field.get(at));
            matches!(both, [Some(one), Some(other)] if one.entrant.is_beside(&other.entrant))
        });
        let all = || self.field.iter().enumerate();
        // What idle connections cost, each beside itself without.
        for (contender, one) in all().filter(|(_, it)| it.idle > 0) {
            let itself = all().find(|(_, other)| other.idle == 0 && other.entrant == one.entrant);
            pairs.extend(itself.map(|(reference, _)| Pair {
                contender,
                reference,
            }));
        }
        pairs
    }

    fn remarks(&self) -> Vec<String> {
        let named = |it: &Participant| match it.idle {
            0 => it.entrant.name(self.work),
            idle => format!("{} at {idle}", it.entrant.name(self.work)),
        };
        let lossy = self.field.iter().filter_map(|it| {
            let count = it.running.as_ref()?.client.retransmissions();
            (count > 0).then(|| format!("{}: something was sent again {count} times", named(it)))
        });
        let pace = match self.work {
            Work::ReceiveDatagrams(_) => Some(format!(
                "the host is never more than {AHEAD} datagrams ahead of what has arrived"
            )),
            _ => None,
        };
        lossy.chain(pace).collect()
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        self.took = Vec::with_capacity(NOTED);
        let participant = self.field.get_mut(contestant).context("no such entrant")?;
        let idle = usize::from(participant.idle);
        let running = match participant.running.take() {
            Some(running) => participant.running.insert(running),
            None => {
                let mut running = participant.entrant.start(&mut self.site)?;
                if idle > 0 {
                    let port = running.far.host.port(Service::Hold);
                    running.client.hold(port, idle)?;
                }
                participant.running.insert(running)
            }
        };
        if self.work.unit() == Unit::RoundTrip {
            let port = running.far.host.port(Service::Echo);
            running.client.open_echo(port)?;
        }
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let error = match self.attempt(contestant) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let participant = self.field.get_mut(contestant);
        let participant = participant.context("no such entrant")?;
        // What peers cannot do spoils no figures of others. The library has no such excuse.
        match participant.entrant.role() {
            Role::Peer => {
                participant.running = None;
                Err(Stuck::new(format!("{error:#}")).into())
            }
            _ => Err(error),
        }
    }

    fn settle(&mut self, _: Who) -> Result<u64> {
        Ok(std::mem::take(&mut self.lost))
    }

    fn latencies(&mut self, _: Who) -> Vec<u32> {
        match self.work {
            Work::RoundTrips => std::mem::take(&mut self.took),
            _ => Vec::new(),
        }
    }

    fn time_of_others(&mut self, contestant: Who) -> Duration {
        let running = self
            .field
            .get(contestant)
            .and_then(|it| it.running.as_ref());
        let process = running.and_then(|running| running.client.process());
        process.map_or(Duration::ZERO, process::cpu_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_are_compared_with_none_and_with_others_beside_as_many() {
        let entrants = Entrant::of_uri("slirp:?thread=none").unwrap();
        let peer = Entrant::Peer(super::super::peer::Peer::Passt);
        let entrants = [&entrants[..1], &[peer, Entrant::Loopback]].concat();
        let row = Stacks::new(Work::Idle, "", &entrants, 400);
        let contestants = row.contestants();
        assert_eq!(contestants.len(), 2 * 5);
        let pairs = row.pairs();
        assert_eq!(pairs.len(), 5 + 2 * 4);
        for Pair {
            contender,
            reference,
        } in pairs
        {
            let (one, other) = (&contestants[contender], &contestants[reference]);
            let is_itself = one.name == other.name && other.at == Some(0.0);
            assert!(is_itself || one.at == other.at, "{one:?} {other:?}");
        }
    }
}
