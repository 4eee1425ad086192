//! Network stacks beside one another: TCP and UDP of a guest in this process, over any backend with a stack behind it, and
//! through other programs.
//!
//! A [`Guest`](guest::Guest) made of prebuilt frames talks to servers of this process: through libslirp or a peer that does
//! the same to those on the loopback interface, through a tap to those in a network of its own, where the kernel
//! does TCP. It needs no virtual machine, and is the same for everybody.

mod arrived;
mod backend;
mod cases;
mod checksum;
mod client;
mod entrant;
mod exchange;
mod flow;
mod frame;
mod guest;
pub(super) mod host;
mod link;
mod loopback;
mod message;
mod packets;
mod peer;
pub(super) mod process;
mod site;
mod smoltcp;
mod stack;
mod stream;
mod work;

use net_backend::bench::LeftOut;
use rustix::process::{Resource, getrlimit};

use super::MakeCase;
use super::field::{Field, Section};
use crate::needs::Need;
use cases::Stacks;
use entrant::Entrant;
use peer::Peer;
use work::Work;

/// What the peers of this section are from.
pub(super) const NEEDS: [Need; 3] = Peer::NEEDS;

/// All cases of this section.
pub(super) fn section(field: &Field) -> Section {
    let (entrants, mut left_out) = entrants(field);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most_idle = most_idle(&entrants, files);
    if Work::IDLE.iter().any(|idle| *idle > most_idle) {
        left_out.push(LeftOut {
            what: format!("more than {most_idle} idle connections"),
            why: format!("this process may open {files} files; `ulimit -n` shows and sets it"),
            is_failure: false,
        });
    }
    Section {
        cases: cases(&Work::ALL, "", &entrants, most_idle),
        left_out,
    }
}

/// The rows of which two CPUs can do different parts at the same time. This process has to be on both when they run.
pub(super) fn section_on_two_cpus(field: &Field) -> Section {
    let (entrants, _) = entrants(field);
    Section::of(cases(&Work::PARALLEL, ", two CPUs", &entrants, 0))
}

fn cases(
    work: &[Work],
    suffix: &'static str,
    entrants: &[Entrant],
    most_idle: u16,
) -> Vec<MakeCase> {
    let cases = work.iter().map(|work| -> MakeCase {
        let (work, entrants) = (*work, entrants.to_vec());
        Box::new(move || Ok(Box::new(Stacks::new(work, suffix, &entrants, most_idle))))
    });
    cases.collect()
}

/// The most idle connections for which this process may open enough `files`: all of a row are there at the same time.
fn most_idle(entrants: &[Entrant], files: u64) -> u16 {
    /// For everything else.
    const OTHERS: u64 = 1000;
    let each: u64 = entrants
        .iter()
        .filter(|entrant| entrant.does(Work::Idle))
        .map(Entrant::files)
        .sum();
    let is_possible = |most: &u16| {
        let idle = Work::IDLE.iter().filter(|idle| *idle <= most);
        let connections: u64 = idle.map(|idle| u64::from(*idle)).sum();
        connections * each + OTHERS <= files
    };
    let mut idle = Work::IDLE.into_iter().rev();
    idle.find(is_possible).unwrap_or(0)
}

/// Those who take part, and those who should.
fn entrants(field: &Field) -> (Vec<Entrant>, Vec<LeftOut>) {
    let (mut entrants, mut left_out) = (Vec::new(), Vec::new());
    for uri in &field.uris {
        match Entrant::of_uri(uri) {
            Ok(some) => entrants.extend(some),
            Err(why) => left_out.push(why),
        }
    }
    for peer in Peer::ALL {
        match field.admits(peer.name(), &peer.need()) {
            Ok(true) => entrants.push(Entrant::Peer(peer)),
            Ok(false) => {}
            Err(why) => left_out.push(why),
        }
    }
    if field.peers {
        entrants.push(Entrant::Smoltcp);
    }
    entrants.push(Entrant::Loopback);
    (entrants, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_idle_connections_than_files() {
        let passt = Entrant::Peer(Peer::Passt);
        let entrants = [passt.clone(), passt, Entrant::Loopback];
        assert_eq!(most_idle(&entrants, u64::MAX), 1000);
        assert_eq!(most_idle(&entrants, 1000 + 2 * 1511), 1000);
        assert_eq!(most_idle(&entrants, 1000 + 2 * 1511 - 1), 400);
        assert_eq!(most_idle(&entrants, 1000), 0);
    }
}
