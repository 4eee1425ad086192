//! TCP between two network stacks: with offloads, and without.

use std::time::Duration;

use anyhow::Result;
use net_backend::Features;
use net_backend::bench::{Clock, Unit};

use super::MakeCase;
use super::case::{Case, LIBRARY, Who};
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

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        if let Some(cable) = self.cable.take() {
            cable.unplug()?;
        }
        let offloads = match contestant {
            LIBRARY => Features::OFFLOADS,
            _ => Features::empty(),
        };
        self.cable = Some(self.lab.join(offloads)?);
        Ok(())
    }

    fn run(&mut self, _: Who) -> Result<u64> {
        Ok(transfer(&self.lab, Side::Left, DURATION)?.bytes)
    }
}
