//! Two real kernels' network stacks, in network namespaces of their own, joined by a program that forwards frames.
//!
//! The program is the library with the data path of examples/pump.rs between two taps, or somebody else's. The kernel's
//! own cable, a veth, is the limit: there frames do not leave the kernel.

mod cases;
mod datagrams;
mod forwarder;
mod joint;
mod network;
mod program;
mod tcp;

use net_backend::bench::LeftOut;

use super::MakeCase;
use super::field::{Field, Section};
use crate::needs::Need;
use cases::{Joining, Work};
use joint::Joint;

/// What the other programs are from.
pub(super) const NEEDS: &[Need] = &[
    network::IP,
    joint::QEMU,
    joint::VDE,
    joint::DPDK,
    joint::DPDK_TAP,
];

/// All cases of this section.
pub(super) fn section(field: &Field) -> Section {
    let (joints, left_out) = joints(field);
    Section {
        cases: cases(&Work::ALL, "", &joints),
        left_out,
    }
}

/// The rows of which two CPUs can do different parts at the same time: one thread sends or receives, another one, or
/// another process, forwards. This process has to be on both when they run.
pub(super) fn section_on_two_cpus(field: &Field) -> Section {
    let (joints, _) = joints(field);
    Section::of(cases(&Work::PARALLEL, ", two CPUs", &joints))
}

fn cases(work: &[Work], suffix: &'static str, joints: &[Joint]) -> Vec<MakeCase> {
    // Limits and peers alone say nothing.
    if !joints.iter().any(Joint::is_ours) {
        return Vec::new();
    }
    let cases = work.iter().map(|work| -> MakeCase {
        let (work, joints) = (*work, joints.to_vec());
        Box::new(move || Ok(Box::new(Joining::new(work, suffix, &joints))))
    });
    cases.collect()
}

/// Those who take part, and those who should.
fn joints(field: &Field) -> (Vec<Joint>, Vec<LeftOut>) {
    let (mut joints, mut left_out) = (Vec::new(), Vec::new());
    for joint in Joint::all(field) {
        match joint.is_admitted(field) {
            Ok(true) => joints.push(joint),
            Ok(false) => {}
            Err(why) => left_out.push(why),
        }
    }
    (joints, left_out)
}
