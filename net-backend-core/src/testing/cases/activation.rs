//! What is asked for at activation is given or refused, and refusal changes nothing.

use super::{Bench, Case};
use crate::testing::Failure;
use crate::testing::failure::ensure;
use crate::{Activation, Error, Features, HeaderLength, QueuePair, Uri};

pub(super) const CASES: &[Case] = &[
    Case::always("activation/queue-pairs", queue_pairs),
    Case::always("activation/features", features),
    Case::always("activation/twice", twice),
    Case::always("activation/receive-offloads", receive_offloads),
    Case::always("activation/capabilities", capabilities),
    Case::always("activation/describes-itself", describes_itself),
];

fn refused(
    result: Result<Vec<QueuePair>, Error>,
    is_right: impl Fn(&Error) -> bool,
    what: &str,
) -> Result<(), Failure> {
    match result {
        Err(error) if is_right(&error) => Ok(()),
        Err(error) => Err(Failure::new(format!("{what}: the wrong error, {error:?}"))),
        Ok(_) => Err(Failure::new(format!("{what}: not refused"))),
    }
}

fn queue_pairs(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let most = bench.backend.capabilities().max_queue_pairs;
    ensure!(most >= 1, "max_queue_pairs is 0");
    for queue_pairs in [0, most.saturating_add(1), u16::MAX] {
        if queue_pairs == most {
            continue;
        }
        let with = Activation {
            queue_pairs,
            ..Activation::plain()
        };
        refused(
            bench.backend.activate(&with),
            |error| matches!(error, Error::QueuePairs { .. }),
            &format!("{queue_pairs} queue pairs of {most}"),
        )?;
    }
    bench.activate(&Activation {
        queue_pairs: most,
        ..Activation::plain()
    })?;
    bench.plain()
}

fn features(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let offered = bench.backend.features();
    ensure!(
        Features::OFFLOADS.contains(offered),
        "{offered} is offered, which is more than offloads"
    );
    let missing = offered.missing_dependency();
    ensure!(
        missing.is_none(),
        "{offered} is offered, without {missing:?}"
    );
    let with = |features, header| Activation {
        queue_pairs: 1,
        header,
        features,
    };
    for feature in Features::all().difference(offered) {
        refused(
            bench.backend.activate(&with(feature, HeaderLength::Twelve)),
            |error| matches!(error, Error::NotOffered { missing, .. } if *missing == feature),
            &format!("{feature}, not offered"),
        )?;
    }
    for feature in offered {
        refused(
            bench.backend.activate(&with(feature, HeaderLength::None)),
            |error| {
                matches!(
                    error,
                    Error::NoHeader { .. } | Error::FeatureDependency { .. }
                )
            },
            &format!("{feature} without header"),
        )?;
        if feature.missing_dependency().is_some() {
            refused(
                bench.backend.activate(&with(feature, HeaderLength::Twelve)),
                |error| matches!(error, Error::FeatureDependency { .. }),
                &format!("{feature} alone"),
            )?;
        }
    }
    for header in [HeaderLength::Ten, HeaderLength::Twelve] {
        bench.activate(&with(offered, header))?;
        bench.activate(&with(Features::empty(), header))?;
    }
    Ok(())
}

fn twice(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let active = |error: &Error| matches!(error, Error::Active { .. });
    let plain = Activation::plain();
    bench.plain()?;
    refused(bench.backend.activate(&plain), active, "while a pair lives")?;
    let Some(QueuePair { rx, tx }) = bench.pairs.pop() else {
        return Err(Failure::new("no queue pair was made"));
    };
    drop(tx);
    refused(
        bench.backend.activate(&plain),
        active,
        "while a receive half lives",
    )?;
    drop(rx);
    bench.plain()?;
    let Some(QueuePair { rx, tx }) = bench.pairs.pop() else {
        return Err(Failure::new("no queue pair was made"));
    };
    drop(rx);
    refused(
        bench.backend.activate(&plain),
        active,
        "while a transmit half lives",
    )?;
    drop(tx);
    bench.plain()
}

fn receive_offloads(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let offered = bench.backend.features();
    let receive = offered & Features::RECEIVE_OFFLOADS;
    bench.activate(&Activation {
        queue_pairs: 1,
        header: HeaderLength::Twelve,
        features: offered,
    })?;
    let backend = &mut bench.backend;
    backend.set_receive_offloads(receive)?;
    backend.set_receive_offloads(receive | Features::MRG_RXBUF | Features::MQ)?;
    backend.set_receive_offloads(Features::empty())?;
    for feature in Features::RECEIVE_OFFLOADS.difference(offered) {
        let result = backend.set_receive_offloads(feature);
        ensure!(
            matches!(result, Err(Error::NotOffered { .. })),
            "{feature} is not offered, and set: {result:?}"
        );
    }
    for feature in receive {
        let result = backend.set_receive_offloads(feature);
        let right = match feature.missing_dependency() {
            Some(_) => matches!(result, Err(Error::FeatureDependency { .. })),
            None => result.is_ok(),
        };
        ensure!(right, "{feature} alone: {result:?}");
    }
    bench.plain()?;
    bench.backend.set_receive_offloads(Features::empty())?;
    if receive.contains(Features::GUEST_CSUM) {
        let result = bench.backend.set_receive_offloads(Features::GUEST_CSUM);
        ensure!(
            matches!(result, Err(Error::NoHeader { .. })),
            "GUEST_CSUM without header: {result:?}"
        );
    }
    Ok(())
}

/// Capabilities are a promise: they stay.
fn capabilities(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let promised = bench.backend.capabilities().clone();
    let most = promised.max_frame.bytes();
    let least = promised.mtu.map_or(60, |mtu| mtu.frame_length().bytes());
    ensure!(most >= least, "max_frame is {most}, the MTU needs {least}");
    ensure!(
        !promised.header_lengths.is_empty(),
        "no native header length"
    );
    let right = promised.mac.is_none_or(|mac| mac.owned().is_ok());
    ensure!(right, "no NIC may own the address {:?}", promised.mac);
    bench.plain()?;
    let active = bench.backend.capabilities();
    ensure!(
        *active == promised,
        "activation changed {promised:?} to {active:?}"
    );
    bench.pairs.clear();
    let after = bench.backend.capabilities();
    ensure!(*after == promised, "{promised:?} became {after:?}");
    Ok(())
}

fn describes_itself(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let uri = bench.backend.describe();
    let text = uri.to_string();
    let parsed: Uri = text.parse()?;
    ensure!(parsed == uri, "{text} parses to {parsed}");
    let scheme = bench.backend.capabilities().scheme;
    ensure!(
        uri.scheme() == scheme,
        "{text} is not of the scheme {scheme}"
    );
    let Some(driver) = bench.rig.driver() else {
        return Ok(());
    };
    ensure!(
        driver.scheme == scheme,
        "the driver is for {}",
        driver.scheme
    );
    bench.plain()?;
    bench.pairs.clear();
    let before = bench.backend.capabilities().clone();
    // Closed first: a device can be taken.
    bench.backend = Box::new(crate::memory::Null::new());
    let mut again = (driver.open)(&parsed, &crate::Environment::default())?;
    ensure!(
        *again.capabilities() == before,
        "{text} opens {:?} instead of {before:?}",
        again.capabilities()
    );
    ensure!(
        again.describe() == uri,
        "{text} became {}",
        again.describe()
    );
    again.activate(&Activation::plain())?;
    Ok(())
}
