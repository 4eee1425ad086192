//! What can join two networks.

use anyhow::{Context, Result};
use net_backend::bench::{LeftOut, Role};
use net_backend::{Features, Uri};

use super::super::field::Field;
use super::forwarder::{Batches, Forwarder};
use super::network::{self, Ends};
use super::program::Program;
use crate::demo::lab;
use crate::needs::Need;

/// Two taps without a virtual machine, joined by a hub.
pub(super) const QEMU: Need = Need {
    package: "qemu-system-x86",
    program: Some("qemu-system-x86_64"),
};
/// A switch of user space.
pub(super) const VDE: Need = Need {
    package: "vde2",
    program: Some("vde_switch"),
};
/// testpmd forwards frames between two ports.
pub(super) const DPDK: Need = Need {
    package: "dpdk-dev",
    program: Some("dpdk-testpmd"),
};
/// The driver for taps: a plugin.
pub(super) const DPDK_TAP: Need = Need {
    package: "librte-net-tap23",
    program: None,
};

/// What can join two networks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Joint {
    /// The library: two of these taps and the pump.
    Taps {
        uri: Uri,
        offloads: bool,
    },
    /// The kernel's own cable.
    Veth {
        segments: bool,
    },
    Qemu,
    Vde,
    /// The crate tun-rs, and a loop as in its examples.
    TunRs(Batches),
    Dpdk,
}

/// What joins two networks as long as it lives.
pub(super) trait Cable {
    /// Lets it run.
    fn resume(&mut self) -> Result<()> {
        Ok(())
    }

    /// Keeps it from disturbing others.
    fn pause(&mut self) -> Result<()> {
        Ok(())
    }

    /// The process that it is, if it is one.
    fn program(&self) -> Option<&Program> {
        None
    }
}

impl Joint {
    /// All that there are, and the taps of the field.
    pub(super) fn all(field: &Field) -> Vec<Self> {
        let uris = field.uris.iter().filter_map(|uri| uri.parse().ok());
        let taps = uris.filter(|uri: &Uri| uri.scheme() == "tap");
        let both = taps.flat_map(|uri| {
            [true, false].map(|offloads| Self::Taps {
                uri: uri.clone(),
                offloads,
            })
        });
        let others = [
            Self::Veth { segments: false },
            Self::Veth { segments: true },
            Self::Qemu,
            Self::Vde,
            Self::TunRs(Batches::Offloaded),
            Self::TunRs(Batches::None),
            Self::Dpdk,
        ];
        both.chain(others).collect()
    }

    /// Its name in the tables.
    pub(super) fn name(&self) -> String {
        let name = match self {
            Self::Taps { uri, offloads } => {
                let offloads = if *offloads { "offloads" } else { "no offloads" };
                return format!("{uri}, {offloads}");
            }
            Self::Veth { segments: false } => "veth",
            Self::Veth { segments: true } => "veth, no TSO",
            Self::Qemu => "QEMU tap",
            Self::Vde => "vde",
            Self::TunRs(Batches::Offloaded) => "tun-rs",
            Self::TunRs(Batches::None) => "tun-rs, no offload",
            Self::Dpdk => "DPDK net_tap",
        };
        name.to_owned()
    }

    /// What it is to the library.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Taps { .. } => Role::Library,
            Self::Veth { .. } => Role::Limit,
            Self::Qemu | Self::Vde | Self::TunRs(_) | Self::Dpdk => Role::Peer,
        }
    }

    /// Whether it is the library.
    pub(super) fn is_ours(&self) -> bool {
        self.role() == Role::Library
    }

    /// The same without offloads, where it has them.
    pub(super) fn without_offloads(&self) -> Option<Self> {
        match self {
            Self::Taps {
                uri,
                offloads: true,
            } => Some(Self::Taps {
                uri: uri.clone(),
                offloads: false,
            }),
            _ => None,
        }
    }

    /// Whether it takes part; `Err` if it should, and something is not installed.
    pub(super) fn is_admitted(&self, field: &Field) -> Result<bool, LeftOut> {
        // The kernel's cable is not somebody's program, but it is laid by one.
        let field = Field {
            uris: Vec::new(),
            peers: field.peers || self.role() == Role::Limit,
        };
        let needs: &[Need] = match self {
            Self::Taps { .. } => return Ok(true),
            Self::TunRs(_) => return Ok(field.peers),
            Self::Veth { .. } => &[network::IP],
            Self::Qemu => &[QEMU],
            Self::Vde => &[VDE, network::IP],
            Self::Dpdk => &[DPDK, DPDK_TAP, network::IP],
        };
        let name = self.name();
        let admitted = needs.iter().map(|need| field.admits(&name, need));
        admitted
            .reduce(|one, other| Ok(one? && other?))
            .unwrap_or(Ok(false))
    }

    /// What there is to say about it beside its figures.
    pub(super) fn remark(&self) -> Option<&'static str> {
        match self {
            Self::Dpdk => Some(
                "DPDK net_tap looks for frames without sleeping, and is stopped while others run: on one CPU the two \
                 kernels wait for its turn to end",
            ),
            Self::TunRs(_) => Some("tun-rs forwards IP packets, without Ethernet header"),
            _ => None,
        }
    }

    /// Joins both ends, which have their addresses then.
    ///
    /// # Errors
    ///
    /// If something does not work, or is missing.
    pub(super) fn join(&self, ends: &Ends) -> Result<Box<dyn Cable>> {
        let cable: Box<dyn Cable> = match self {
            Self::Taps { uri, offloads } => Box::new(taps(ends, uri, *offloads)?),
            Self::Veth { segments } => Box::new(veth(ends, *segments)?),
            Self::Qemu => Box::new(Program::qemu(ends)?),
            Self::Vde => Box::new(Program::vde(ends)?),
            Self::TunRs(batches) => Box::new(Forwarder::start(ends, *batches)?),
            Self::Dpdk => Box::new(Program::dpdk(ends)?),
        };
        Ok(cable)
    }
}

impl Cable for lab::Cable {}

/// The kernel's cable ends with the networks.
struct Veth;

impl Cable for Veth {}

fn taps(ends: &Ends, uri: &Uri, offloads: bool) -> Result<lab::Cable> {
    let [left, right] = ends.open(uri)?;
    let offloads = match offloads {
        true => Features::OFFLOADS,
        false => Features::empty(),
    };
    lab::Cable::new(left, right, offloads)
}

/// Where `segments`, every super-frame is cut where it is sent, as it is for a cable that takes none.
fn veth(ends: &Ends, segments: bool) -> Result<Veth> {
    let [left, right] = network::NAMES;
    let line = format!(
        "link add name {left} type veth peer name {right} netns {}",
        network::OTHER
    );
    network::ip(&ends.left, &line, Some(&ends.right)).context("cannot lay a veth")?;
    for (network, name) in [(&ends.left, left), (&ends.right, right)] {
        if segments {
            network::ip(network, &format!("link set {name} gso_max_segs 1"), None)?;
        }
    }
    ends.configure()?;
    Ok(Veth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(field: &Field) -> Vec<String> {
        let all = Joint::all(field).into_iter();
        let admitted = all.filter(|it| it.is_admitted(field).is_ok_and(|is_admitted| is_admitted));
        admitted.map(|it| it.name()).collect()
    }

    #[test]
    fn every_tap_takes_part_twice_and_crates_and_programs_where_they_are_asked_for() {
        let mut field = Field {
            uris: ["slirp:", "tap:", "tap:x?mtu=9000"]
                .map(str::to_owned)
                .to_vec(),
            peers: false,
        };
        let alone = names(&field);
        assert!(
            alone.iter().filter(|it| it.starts_with("tap:")).count() == 4,
            "{alone:?}"
        );
        assert!(
            alone.contains(&"tap:x?mtu=9000, no offloads".to_owned()),
            "{alone:?}"
        );
        assert!(!alone.contains(&"tun-rs".to_owned()), "{alone:?}");
        field.peers = true;
        let all = names(&field);
        assert!(all.contains(&"tun-rs".to_owned()), "{all:?}");
    }

    #[test]
    fn offloads_are_compared_with_none() {
        let uri: Uri = "tap:".parse().unwrap();
        let joint = |offloads| Joint::Taps {
            uri: uri.clone(),
            offloads,
        };
        assert_eq!(joint(true).without_offloads(), Some(joint(false)));
        assert_eq!(joint(false).without_offloads(), None);
    }
}
