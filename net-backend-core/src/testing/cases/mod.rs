//! The cases, one file for each concern.

mod activation;
mod boundaries;
mod busy;
mod counters;
mod headers;
mod identity;
mod lifecycle;
mod link;
mod model;
mod multiqueue;
mod offloads;
mod readiness;
mod receiving;
mod sandbox;
mod stress;

use super::bench::Bench;
use super::{Failure, Path, RigTraits};

pub(super) use sandbox::as_child;

/// One case.
pub(super) struct Case {
    /// `concern/what`.
    pub(super) name: &'static str,
    /// Whether it can be run with such a fixture.
    pub(super) needs: fn(&RigTraits) -> bool,
    /// Whether it looks at the whole process, so that nothing else may run.
    pub(super) alone: bool,
    pub(super) run: fn(&mut Bench<'_>) -> Result<(), Failure>,
}

impl Case {
    /// A case for every backend.
    const fn always(name: &'static str, run: fn(&mut Bench<'_>) -> Result<(), Failure>) -> Self {
        Self::with(name, |_| true, run)
    }

    /// A case for backends with something at the far end, if only themselves.
    const fn delivering(
        name: &'static str,
        run: fn(&mut Bench<'_>) -> Result<(), Failure>,
    ) -> Self {
        Self::with(name, |traits| traits.path != Path::Nowhere, run)
    }

    const fn with(
        name: &'static str,
        needs: fn(&RigTraits) -> bool,
        run: fn(&mut Bench<'_>) -> Result<(), Failure>,
    ) -> Self {
        Self {
            name,
            needs,
            alone: false,
            run,
        }
    }

    const fn alone(self) -> Self {
        Self {
            alone: true,
            ..self
        }
    }
}

pub(super) fn all() -> impl Iterator<Item = &'static Case> {
    [
        activation::CASES,
        identity::CASES,
        boundaries::CASES,
        receiving::CASES,
        readiness::CASES,
        busy::CASES,
        link::CASES,
        lifecycle::CASES,
        headers::CASES,
        offloads::CASES,
        multiqueue::CASES,
        counters::CASES,
        model::CASES,
        sandbox::CASES,
        stress::CASES,
    ]
    .into_iter()
    .flatten()
}
