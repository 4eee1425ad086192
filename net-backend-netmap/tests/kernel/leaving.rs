//! Ports that go away, halves that outlive their backend, descriptors that were passed.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use net_backend_core::testing::ready;
use net_backend_core::{QueuePair, RxSlice, Sent, TxSlice};

use crate::common::{self, Wire};
use crate::refusals::expect_no_switch;
use crate::support::{Active, Case, Outcome, PATIENCE, SILENCE, ensure, frame, number, refused};

pub(crate) const CASES: &[Case] = &[
    Case::new("leaving/unplugged", unplugged),
    Case::new("leaving/unplugged-while-waiting", unplugged_while_waiting),
    Case::new("leaving/interface-goes-down", goes_down),
    Case::new("leaving/pipe-whose-other-end-closes", other_end_closes),
    Case::new("leaving/halves-outlive-the-backend", halves_outlive),
    Case::new("leaving/nothing-is-left", nothing_is_left),
    Case::new("leaving/reopened-many-times", reopened),
    Case::new("descriptors/one", passed_one),
    Case::new("descriptors/several", passed_several),
    Case::new("descriptors/bound", passed_bound),
    Case::new("descriptors/too-few", passed_too_few),
];

/// Both halves say that it is gone, and go on saying so.
fn unplugged() -> Outcome {
    let mut wire = Wire::new()?;
    let mut port = Active::new(wire.near())?;
    port.send(&frame(1, 60))?;
    wire.unplug();
    let QueuePair { rx, tx } = &mut port.pairs[0];
    let deadline = Instant::now() + PATIENCE;
    while !gone(
        tx.send(&[TxSlice::new(&frame(1, 60))])
            .and_then(|_| tx.flush()),
    )? {
        ensure!(Instant::now() < deadline, "still sends");
    }
    let mut buffer = [0; 2048];
    while !gone(rx.recv(&mut [RxSlice::new(&mut buffer)]))? {
        ensure!(Instant::now() < deadline, "still receives");
    }
    ensure!(gone(rx.peek())?, "gone, and then it peeks");
    ensure!(gone(tx.flush())?, "gone, and then it flushes");
    Ok(())
}

fn gone<T>(result: net_backend_core::Result<T>) -> Outcome<bool> {
    match result {
        Ok(_) => Ok(false),
        Err(error) if error.is_gone() => Ok(true),
        Err(error) => Err(format!("another error: {error}").into()),
    }
}

/// A thread that looks for frames now and then learns of it. The kernel itself wakes nobody.
fn unplugged_while_waiting() -> Outcome {
    let mut wire = Wire::new()?;
    let mut port = Active::new(wire.near())?;
    let QueuePair { mut rx, tx } = port.pairs.remove(0);
    let waiter = thread::spawn(move || {
        let deadline = Instant::now() + PATIENCE;
        while !gone(rx.peek())? {
            ensure!(Instant::now() < deadline, "never learns of it");
            ready(rx.source(), SILENCE)?;
        }
        Ok(())
    });
    wire.unplug();
    let outcome: Outcome = waiter.join().map_err(|_| "the waiter panicked")?;
    drop(tx);
    outcome
}

/// What is down may come up again, and frames pass then as before. Until then the kernel may hold up whoever calls.
fn goes_down() -> Outcome {
    let wire = Wire::new()?;
    let (mut near, mut far) = (Active::new(wire.near())?, Active::new(wire.far())?);
    let sender = thread::spawn(move || -> Outcome<Active> {
        for number in 0..200 {
            let QueuePair { rx, tx } = &mut near.pairs[0];
            let _sent = tx.send(&[TxSlice::new(&frame(number, 60))])?;
            tx.flush()?;
            rx.peek()?;
            thread::sleep(Duration::from_millis(1));
        }
        Ok(near)
    });
    for _ in 0..4 {
        wire.set_up(false)?;
        thread::sleep(Duration::from_millis(30));
        wire.set_up(true)?;
        thread::sleep(Duration::from_millis(10));
    }
    let mut near = sender.join().map_err(|_| "the sender panicked")??;
    near.send(&frame(1000, 60))?;
    while number(&far.receive()?) != 1000 {}
    far.send(&frame(2000, 60))?;
    while number(&near.receive()?) != 2000 {}
    Ok(())
}

/// As when a cable is pulled out at the far end: frames go nowhere, and a new far end gets new ones.
fn other_end_closes() -> Outcome {
    let id = common::unique();
    let [near, far] = ["{1", "}1"].map(|end| format!("vale{id}:b{end}"));
    let mut near = Active::new(&near)?;
    let mut first = Active::new(&far)?;
    near.send(&frame(1, 60))?;
    first.expect(&frame(1, 60))?;
    drop(first);
    for number in 0..10 {
        let bytes = frame(number, 60);
        let sent = near.pairs[0].tx.send(&[TxSlice::new(&bytes)])?;
        ensure!(matches!(sent, Sent::Queued | Sent::Busy { .. }), "{sent:?}");
        near.pairs[0].tx.flush()?;
    }
    near.expect_nothing()?;
    let mut second = Active::new(&far)?;
    second.send(&frame(20, 60))?;
    near.expect(&frame(20, 60))
}

fn halves_outlive() -> Outcome {
    let id = common::unique();
    for options in ["", "?rings=2"] {
        let [near, far] = ["{1", "}1"].map(|end| format!("vale{id}:b{end}{options}"));
        let (near, mut far) = (Active::new(&near)?, Active::new(&far)?);
        let Active { mut pairs, backend } = near;
        drop(backend);
        for (pair, QueuePair { rx, tx }) in pairs.iter_mut().enumerate() {
            crate::support::send(&mut **tx, &frame(1, 60))?;
            far.expect_on(pair, &frame(1, 60))?;
            far.send_on(pair, &frame(2, 60))?;
            let received = crate::support::receive(&mut **rx)?;
            ensure!(received == frame(2, 60), "another frame");
        }
        // Each half alone, in either order.
        let QueuePair { rx, mut tx } = pairs.remove(0);
        drop(rx);
        crate::support::send(&mut *tx, &frame(3, 60))?;
        far.expect_on(0, &frame(3, 60))?;
    }
    Ok(())
}

/// Whatever was open, in whatever order it is closed: rings and switch are free then.
fn nothing_is_left() -> Outcome {
    let id = common::unique();
    let name = format!("vale{id}:p");
    let exclusive = format!("{name}/x");
    let Active { pairs, backend } = Active::new(&exclusive)?;
    drop(backend);
    ensure!(common::open(&name).is_err(), "free while a half lives");
    drop(pairs);
    let Active { pairs, backend } = Active::new(&exclusive)?;
    drop(pairs);
    ensure!(common::open(&name).is_err(), "free while the backend lives");
    drop(backend);
    let Active { mut pairs, backend } = Active::new(&exclusive)?;
    let QueuePair { rx, tx } = pairs.remove(0);
    drop((tx, backend));
    ensure!(
        common::open(&name).is_err(),
        "free while the receive half lives"
    );
    drop(rx);
    drop(common::open(&exclusive)?);
    expect_no_switch(&id)
}

fn reopened() -> Outcome {
    let id = common::unique();
    let wire = Wire::new()?;
    for number in 0..20 {
        let mut near = Active::new(wire.near())?;
        let mut far = Active::new(wire.far())?;
        near.send(&frame(number, 60))?;
        far.expect(&frame(number, 60))?;
    }
    // A port of a switch has memory of its own, which some kernels take seconds to make.
    for number in 0..25 {
        let mut near = Active::new(&format!("vale{id}:near?rings=2"))?;
        let mut far = Active::new(&format!("vale{id}:far"))?;
        near.send(&frame(number, 60))?;
        far.expect(&frame(number, 60))?;
    }
    expect_no_switch(&id)
}

fn device() -> std::io::Result<File> {
    File::options().read(true).write(true).open("/dev/netmap")
}

fn passed_one() -> Outcome {
    let id = common::unique();
    let device = device()?;
    let number = device.as_raw_fd();
    let mut far = Active::new(&format!("vale{id}:far"))?;
    {
        let mut near = Active::new(&format!("vale{id}:near?fd={number}"))?;
        near.send(&frame(1, 60))?;
        far.expect(&frame(1, 60))?;
        far.send(&frame(2, 60))?;
        near.expect(&frame(2, 60))?;
        drop(far);
    }
    // The descriptor stays ours, and with it the port.
    ensure!(
        common::open(&format!("vale{id}:near/x")).is_err(),
        "it is free"
    );
    drop(device);
    expect_no_switch(&id)
}

fn passed_several() -> Outcome {
    let id = common::unique();
    let devices = [device()?, device()?, device()?];
    let numbers: Vec<String> = devices
        .iter()
        .map(|it| format!("&fd={}", it.as_raw_fd()))
        .collect();
    let numbers = numbers.concat();
    let mut near = Active::new(&format!("vale{id}:b{{1?rings=2{numbers}"))?;
    let mut far = Active::new(&format!("vale{id}:b}}1?rings=2"))?;
    ensure!(near.pairs.len() == 2, "{} pairs of 2", near.pairs.len());
    for pair in [0, 1] {
        near.send_on(pair, &frame(1, 60))?;
        far.expect_on(pair, &frame(1, 60))?;
    }
    Ok(())
}

fn passed_bound() -> Outcome {
    let id = common::unique();
    let device = device()?;
    let number = device.as_raw_fd();
    let port = format!("vale{id}:p?fd={number}");
    drop(common::open(&port)?);
    let busy = std::io::Error::from_raw_os_error(16).to_string();
    let busy = busy.replace(" (os error 16)", "");
    refused(
        &port,
        &format!(
            "fd on descriptors [{number}]: {busy}; it is bound to a port already; pass one that was opened and nothing else"
        ),
    )
}

/// Several rings take more descriptors than were passed: refused, and everything is as before.
fn passed_too_few() -> Outcome {
    let id = common::unique();
    let device = device()?;
    let number = device.as_raw_fd();
    let error = common::open(&format!("vale{id}:p?rings=2&fd={number}"));
    let error = error.err().ok_or("two rings with one descriptor")?;
    ensure!(
        error.to_string().contains("open on /dev/netmap"),
        "it says {error}"
    );
    drop(device);
    expect_no_switch(&id)
}
