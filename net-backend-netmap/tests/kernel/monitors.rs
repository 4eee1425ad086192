//! Monitors see what passes a port, at its true length, and disturb nobody.

use std::collections::BTreeSet;

use net_backend_core::{DropReason, Sent, TxSlice};

use crate::common::{self, Wire};
use crate::support::{Active, Case, Outcome, ensure, frame, same, take};

pub(crate) const CASES: &[Case] = &[
    Case::new("monitors/of-a-vale-port", of_a_vale_port),
    Case::new("monitors/of-a-pipe", of_a_pipe),
    Case::new("monitors/of-a-nic", of_a_nic),
    Case::new("monitors/without-a-copy", without_a_copy),
    Case::new("monitors/of-several-rings", of_several_rings),
    Case::new("monitors/cannot-send", cannot_send),
    Case::new("monitors/outlive-their-port", outlive_their_port),
];

fn of_a_vale_port() -> Outcome {
    let id = common::unique();
    let ports = ["near", "far"].map(|name| format!("vale{id}:{name}"));
    watch(&ports, &[14, 60, 1514])
}

fn of_a_pipe() -> Outcome {
    let id = common::unique();
    let ports = ["{1", "}1"].map(|end| format!("vale{id}:b{end}"));
    watch(&ports, &[14, 60, 1514, 9000])
}

fn of_a_nic() -> Outcome {
    let wire = Wire::new()?;
    watch(
        &[wire.near().to_owned(), wire.far().to_owned()],
        &[60, 1514],
    )
}

/// Watches the first port with each kind of monitor that copies while frames of these lengths pass both ways.
fn watch(ports: &[String; 2], lengths: &[usize]) -> Outcome {
    let [near, far] = ports;
    for (flags, sees_sent, sees_received) in
        [("t", true, false), ("r", false, true), ("tr", true, true)]
    {
        let mut ends = (Active::new(near)?, Active::new(far)?);
        let mut monitor = Active::new(&format!("{near}/{flags}"))?;
        let mut number = 0;
        for _ in 0..3 {
            for length in lengths {
                number += 1;
                let (sent, received) = (frame(number, *length), frame(number + 1000, *length));
                ends.0.send(&sent)?;
                ends.1.expect(&sent)?;
                ends.1.send(&received)?;
                ends.0.expect(&received)?;
                let seen = |it: bool, frame, monitor: &mut Active| match it {
                    true => monitor.expect(frame),
                    false => Ok(()),
                };
                let outcome = seen(sees_sent, &sent, &mut monitor)
                    .and_then(|()| seen(sees_received, &received, &mut monitor));
                outcome.map_err(|error| {
                    let said = error.message().unwrap_or_default();
                    format!("/{flags}, frame {number} of {length} bytes: {said}")
                })?;
            }
        }
        monitor.expect_nothing()?;
    }
    Ok(())
}

/// A monitor that copies nothing sees frames when the port is done with them, so in another order, and the last ones of
/// a pipe when others follow.
fn without_a_copy() -> Outcome {
    let id = common::unique();
    let wire = Wire::new()?;
    for [near, far] in [
        ["near", "far"].map(|name| format!("vale{id}:{name}")),
        ["{1", "}1"].map(|end| format!("vale{id}:b{end}")),
        [wire.near(), wire.far()].map(str::to_owned),
    ] {
        let mut ends = (Active::new(&near)?, Active::new(&far)?);
        let mut monitor = Active::new(&format!("{near}/z"))?;
        let mut missing = BTreeSet::new();
        for number in 0..200 {
            let (sent, received) = (frame(number, 700), frame(number + 1000, 300));
            ends.0.send(&sent)?;
            ends.1.expect(&sent)?;
            ends.1.send(&received)?;
            ends.0.expect(&received)?;
            if number < 190 {
                missing.extend([number, number + 1000]);
            }
            while let Some(seen) = take(&mut *monitor.pairs[0].rx)? {
                let length = if crate::support::number(&seen) < 1000 {
                    700
                } else {
                    300
                };
                same(&seen, &frame(crate::support::number(&seen), length))?;
                missing.remove(&crate::support::number(&seen));
            }
        }
        ensure!(missing.is_empty(), "of {near} it never saw {missing:?}");
    }
    Ok(())
}

fn of_several_rings() -> Outcome {
    let id = common::unique();
    let options = "?rings=4";
    let mut near = Active::new(&format!("vale{id}:b{{1{options}"))?;
    let _far = Active::new(&format!("vale{id}:b}}1{options}"))?;
    let mut monitor = Active::new(&format!("vale{id}:b{{1/t"))?;
    ensure!(monitor.pairs.len() == 1, "{} pairs", monitor.pairs.len());
    for (ring, number) in [(0, 1), (1, 2), (2, 3), (3, 4), (1, 5)] {
        near.send_on(ring, &frame(number, 100))?;
        monitor.expect(&frame(number, 100))?;
    }
    Ok(())
}

fn cannot_send() -> Outcome {
    let id = common::unique();
    let _port = Active::new(&format!("vale{id}:p"))?;
    let mut monitor = Active::new(&format!("vale{id}:p/t"))?;
    let bytes = frame(1, 60);
    let sent = monitor.pairs[0].tx.send(&[TxSlice::new(&bytes)])?;
    let dropped = Sent::Dropped(DropReason::Policy);
    ensure!(sent == dropped, "a monitor sends: {sent:?}");
    Ok(monitor.pairs[0].tx.flush()?)
}

/// The port closes while it is watched: that is no error, and nothing comes any more.
fn outlive_their_port() -> Outcome {
    let id = common::unique();
    let name = format!("vale{id}:b{{1");
    let mut port = Active::new(&name)?;
    let mut monitor = Active::new(&format!("{name}/t"))?;
    port.send(&frame(1, 60))?;
    monitor.expect(&frame(1, 60))?;
    drop(port);
    // Either is fair: silence, or that it is gone.
    let peeked = monitor.pairs[0].rx.peek();
    match peeked {
        Ok(None) => Ok(()),
        Err(error) if error.is_gone() => Ok(()),
        other => Err(format!("after the port has closed: {other:?}").into()),
    }
}
