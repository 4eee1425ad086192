//! The link goes down and comes up; the other side goes away for good.

use std::time::{Duration, Instant};

use super::{Bench, Case};
use crate::testing::Failure;
use crate::testing::bench::PATIENCE;
use crate::testing::failure::ensure;
use crate::testing::sys::ready;
use crate::{DropReason, Error, Event, LinkState, RxSlice, Sent, TxSlice};

pub(super) const CASES: &[Case] = &[
    Case::with("link/down-and-up", |traits| traits.link, down_and_up),
    Case::with("link/events", |traits| traits.link, events),
    Case::with(
        "link/silent-while-down",
        |traits| traits.link,
        silent_while_down,
    ),
    Case::with("gone/transmit", |traits| traits.kill, gone_transmit),
    Case::with("gone/receive", |traits| traits.kill, gone_receive),
    Case::with(
        "gone/while-busy",
        |traits| traits.kill && traits.fills,
        gone_while_busy,
    ),
    Case::with("gone/event", |traits| traits.kill, gone_event),
    // What others do to their interfaces may wake it too.
    Case::always("link/events-are-silent", events_are_silent).alone(),
];

/// How long it may take until a change of the link shows.
const NOTICE: Duration = Duration::from_secs(1);

/// Sends until the outcome is `expected`; frames that went into the old state are no mistake.
fn send_until(bench: &mut Bench<'_>, expected: Sent) -> Result<(), Failure> {
    let deadline = Instant::now() + NOTICE;
    loop {
        let frame = bench.frame(60);
        let sent = bench.try_send(0, &frame)?;
        if sent == expected {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "{sent:?} instead of {expected:?}, {NOTICE:?} after the link changed"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn down_and_up(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    for _ in 0..3 {
        bench.peer.set_link(false)?;
        send_until(bench, Sent::Dropped(DropReason::LinkDown))?;
        for _ in 0..10 {
            let frame = bench.frame(60);
            let sent = bench.try_send(0, &frame)?;
            let expected = Sent::Dropped(DropReason::LinkDown);
            ensure!(sent == expected, "{sent:?} while the link is down");
        }
        bench.drain(0)?;
        bench.peer.set_link(true)?;
        send_until(bench, Sent::Queued)?;
        let last = bench.frame(61);
        bench.send(0, &last)?;
        let deadline = Instant::now() + PATIENCE;
        while bench
            .seen_within(0, PATIENCE)?
            .is_some_and(|seen| seen.bytes != last.bytes)
        {
            ensure!(
                Instant::now() < deadline,
                "nothing arrives after the link came up"
            );
        }
        let back = bench.frame(62);
        bench.inject(0, &back)?;
        bench.expect_received(0, &back)?;
    }
    Ok(())
}

/// Takes events, waiting for them, until `expected` was among them.
fn expect_event(bench: &mut Bench<'_>, expected: Event) -> Result<(), Failure> {
    let deadline = Instant::now() + NOTICE;
    loop {
        while let Some(event) = bench.backend.next_event() {
            if event == expected {
                return Ok(());
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(source) = bench.backend.events() else {
            return Err(Failure::new("the source of events went away"));
        };
        ensure!(
            ready(source, left)?,
            "no event {expected:?} within {NOTICE:?}"
        );
    }
}

fn require_events(bench: &mut Bench<'_>) -> Result<(), Failure> {
    match bench.backend.events() {
        Some(_) => Ok(()),
        None => Err(Failure::not_applicable("it has no events")),
    }
}

fn events(bench: &mut Bench<'_>) -> Result<(), Failure> {
    require_events(bench)?;
    bench.plain()?;
    while bench.backend.next_event().is_some() {}
    let link = bench.backend.link();
    ensure!(
        link == LinkState::Up,
        "the link is {link:?} at the beginning"
    );
    for _ in 0..3 {
        bench.peer.set_link(false)?;
        expect_event(bench, Event::LinkDown)?;
        let link = bench.backend.link();
        ensure!(
            link == LinkState::Down,
            "the link is {link:?} after LinkDown"
        );
        bench.peer.set_link(true)?;
        expect_event(bench, Event::LinkUp)?;
        let link = bench.backend.link();
        ensure!(link == LinkState::Up, "the link is {link:?} after LinkUp");
    }
    Ok(())
}

/// The source of events is silent when there are none.
fn events_are_silent(bench: &mut Bench<'_>) -> Result<(), Failure> {
    require_events(bench)?;
    bench.plain()?;
    let deadline = Instant::now() + Duration::from_millis(200);
    let mut vain = 0;
    loop {
        let mut taken = 0;
        while bench.backend.next_event().is_some() {
            taken += 1;
        }
        vain += usize::from(taken == 0);
        let left = deadline.saturating_duration_since(Instant::now());
        match bench.backend.events() {
            Some(source) if !left.is_zero() && ready(source, left)? => {}
            _ => break,
        }
    }
    ensure!(vain <= 3, "{vain} wake-ups without event within 200 ms");
    Ok(())
}

fn silent_while_down(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    bench.peer.set_link(false)?;
    send_until(bench, Sent::Dropped(DropReason::LinkDown))?;
    super::readiness::expect_silence(bench)
}

fn is_gone<T>(result: Result<T, Error>) -> Result<bool, Failure> {
    match result {
        Ok(_) => Ok(false),
        Err(error) if error.is_gone() => Ok(true),
        Err(error) => Err(Failure::from(error).during("an error, but not that it is gone")),
    }
}

fn gone_transmit(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let frame = bench.frame(60);
    bench.send(0, &frame)?;
    bench.peer.kill()?;
    let deadline = Instant::now() + NOTICE;
    let tx = &mut bench.pair(0)?.tx;
    let mut send = || {
        // What one of the two notices, the other may not have looked for.
        let sent = tx.send(&[TxSlice::new(&frame.bytes)]);
        sent.and_then(|_| tx.flush())
    };
    while !is_gone(send())? {
        ensure!(
            Instant::now() < deadline,
            "still sends {NOTICE:?} after the end"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    for _ in 0..10 {
        let still = is_gone(send())?;
        ensure!(still, "gone, and then it sends again");
    }
    Ok(())
}

/// A VMM that waits for frames is woken, and told.
fn gone_receive(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    bench.drain(0)?;
    bench.peer.kill()?;
    let deadline = Instant::now() + NOTICE;
    let rx = &mut bench.pair(0)?.rx;
    // Before any call, which could tell by itself.
    let woken = ready(rx.source(), NOTICE)?;
    ensure!(woken, "not woken within {NOTICE:?} after the end");
    let mut buffer = vec![0; 65536];
    while !is_gone(rx.recv(&mut [RxSlice::new(&mut buffer)]).map(|_| ()))? {
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "still receives {NOTICE:?} after the end");
        let woken = ready(rx.source(), left)?;
        ensure!(woken, "not woken within {NOTICE:?} after the end");
    }
    ensure!(is_gone(rx.peek())?, "gone for recv, and not for peek");
    let still = is_gone(rx.recv(&mut [RxSlice::new(&mut buffer)]))?;
    ensure!(still, "gone, and then it receives again");
    Ok(())
}

fn gone_while_busy(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let (_, refused, retry_after) = super::busy::fill(bench, 60)?;
    bench.peer.kill()?;
    let deadline = Instant::now() + NOTICE;
    loop {
        super::busy::wait_for_room(bench, None, retry_after)?;
        if is_gone(bench.pair(0)?.tx.send(&[TxSlice::new(&refused.bytes)]))? {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "still sends {NOTICE:?} after the end"
        );
    }
}

fn gone_event(bench: &mut Bench<'_>) -> Result<(), Failure> {
    require_events(bench)?;
    bench.plain()?;
    bench.peer.kill()?;
    expect_event(bench, Event::Gone)?;
    let link = bench.backend.link();
    ensure!(
        link == LinkState::Down,
        "the link is {link:?} after the end"
    );
    Ok(())
}
