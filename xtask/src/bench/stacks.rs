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
mod stack;
mod stream;
mod work;

use net_backend::bench::LeftOut;
use rustix::thread::sched_getaffinity;

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
    let (entrants, left_out) = entrants(field);
    Section {
        cases: cases(&Work::ALL, "", &entrants),
        left_out,
    }
}

/// The rows of which two CPUs can do different parts at the same time. This process has to be on both already.
pub(super) fn section_on_two_cpus(field: &Field) -> Section {
    let cpus = sched_getaffinity(None).map_or(1, |set| set.count());
    if cpus < 2 {
        return Section {
            cases: Vec::new(),
            left_out: vec![LeftOut {
                what: "rows of two CPUs".to_owned(),
                why: "this process may use one".to_owned(),
                is_failure: false,
            }],
        };
    }
    let (entrants, _) = entrants(field);
    Section::of(cases(&Work::PARALLEL, ", two CPUs", &entrants))
}

fn cases(work: &[Work], suffix: &'static str, entrants: &[Entrant]) -> Vec<MakeCase> {
    let cases = work.iter().map(|work| -> MakeCase {
        let (work, entrants) = (*work, entrants.to_vec());
        Box::new(move || Ok(Box::new(Stacks::new(work, suffix, &entrants))))
    });
    cases.collect()
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
    entrants.push(Entrant::Loopback);
    (entrants, left_out)
}
