//! TCP between two network stacks: with offloads, and without.

use std::time::Duration;

use anyhow::Result;
use net_backend::Features;

use super::MakeCase;
use super::case::{Case, Clock, Contestant, Unit};
use crate::demo::lab::{Cable, Lab, Side};
use crate::demo::transfer;

/// How long to send in each run.
const DURATION: Duration = Duration::from_millis(200);

/// All cases of this file.
pub(super) fn cases() -> impl Iterator<Item = MakeCase> {
    let make = || -> Result<Box<dyn Case>> {
        Ok(Box::new(Offloads {
            lab: Lab::new()?,
            cable: None,
        }))
    };
    std::iter::once(Box::new(make) as MakeCase)
}

/// The contender is the cable with offloads, the bare one that without.
struct Offloads {
    lab: Lab,
    cable: Option<Cable>,
}

impl Offloads {
    fn transfer(&self) -> Result<u64> {
        Ok(transfer(&self.lab, Side::Left, DURATION)?.bytes)
    }
}

impl Case for Offloads {
    fn name(&self) -> String {
        "TCP through two taps, offloads or none".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Byte
    }

    fn clock(&self) -> Clock {
        Clock::Wall
    }

    fn duration(&self) -> Duration {
        DURATION
    }

    fn goal(&self) -> Option<f64> {
        Some(0.1)
    }

    fn prepare(&mut self, contestant: Contestant) -> Result<()> {
        if let Some(cable) = self.cable.take() {
            cable.unplug()?;
        }
        let offloads = match contestant {
            Contestant::Contender => Features::OFFLOADS,
            Contestant::Bare => Features::empty(),
        };
        self.cable = Some(self.lab.join(offloads)?);
        Ok(())
    }

    fn run_contender(&mut self) -> Result<u64> {
        self.transfer()
    }

    fn run_bare(&mut self) -> Result<u64> {
        self.transfer()
    }
}
