//! A thread for each pair of queues, each on a CPU as long as there are enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use net_backend::{Activation, Features, NetBackend, Uri};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::member::{ByHand, HEADER, Library, Member};
use super::{LENGTH, tap};

/// The threads of one backend. They end with this.
pub(super) struct Team {
    members: Vec<(Sender<Order>, JoinHandle<()>)>,
    start: Arc<Start>,
    reports: Receiver<Result<u64>>,
    backend: Box<dyn NetBackend>,
}

/// What a thread is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// Send for so long.
    Send(Duration),
    /// Receive what there is.
    Receive,
}

/// Where threads wait without sleeping, so that they begin at the same time.
#[derive(Default)]
struct Start {
    waiting: AtomicUsize,
    /// The last order that may be carried out.
    allowed: AtomicU64,
}

impl Team {
    /// Opens a backend and starts a thread for each of its pairs.
    ///
    /// # Errors
    ///
    /// What the backend says, or if there can be no threads.
    pub(super) fn start(uri: &Uri, pairs: u16, is_by_hand: bool) -> Result<Self> {
        let backend = net_backend::open(&uri.to_string());
        let mut backend = backend.with_context(|| format!("cannot open {uri}"))?;
        let queues = backend.activate(&Activation {
            queue_pairs: pairs,
            header: HEADER,
            features: Features::empty(),
        })?;
        let (report, reports) = mpsc::channel();
        let start = Arc::<Start>::default();
        let mut members = Vec::new();
        for (number, queue) in queues.into_iter().enumerate() {
            let member: Box<dyn Member> = match is_by_hand {
                true => Box::new(ByHand::new(queue)?),
                false => Box::new(Library::new(queue)),
            };
            let (order, orders) = mpsc::channel();
            let (report, start) = (report.clone(), Arc::clone(&start));
            let thread = Builder::new()
                .name("queue".to_owned())
                .spawn(move || serve(number, member, &start, &orders, &report))?;
            members.push((order, thread));
        }
        Ok(Self {
            members,
            start,
            reports,
            backend,
        })
    }

    /// The interface at the far end, of backends that have one.
    pub(super) fn interface(&self) -> Option<String> {
        let uri = self.backend.describe();
        tap::is_tap(&uri).then(|| uri.target().to_owned())
    }

    /// Has all threads ready for an order, and waits until they are.
    ///
    /// # Errors
    ///
    /// What a thread says.
    pub(super) fn prepare(&self, order: Order) -> Result<()> {
        for (orders, _) in &self.members {
            orders.send(order).context("a thread has ended")?;
        }
        while self.start.waiting.load(Ordering::Acquire) < self.members.len() {
            let has_ended = |(_, thread): &(_, JoinHandle<()>)| thread.is_finished();
            ensure!(!self.members.iter().any(has_ended), "a thread has ended");
            thread::yield_now();
        }
        Ok(())
    }

    /// Has them carry it out: how many frames there were.
    ///
    /// # Errors
    ///
    /// What a thread says.
    pub(super) fn run(&self) -> Result<u64> {
        self.start.waiting.store(0, Ordering::Relaxed);
        self.start.allowed.fetch_add(1, Ordering::Release);
        let mut frames = 0;
        for _ in &self.members {
            frames += self.reports.recv().context("all threads have ended")??;
        }
        ensure!(frames > 0, "no frame passed");
        Ok(frames)
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        // Whoever waits has to see that there is nothing more.
        self.start.allowed.store(u64::MAX, Ordering::Release);
        for (orders, thread) in self.members.drain(..) {
            drop(orders);
            let _panicked = thread.join();
        }
    }
}

fn serve(
    number: usize,
    mut member: Box<dyn Member>,
    start: &Start,
    orders: &Receiver<Order>,
    report: &Sender<Result<u64>>,
) {
    let mut packet = vec![0; HEADER.bytes()];
    packet.extend(tap::to_nobody(LENGTH));
    let moved = take_place(number);
    for (last, order) in (0..).zip(orders) {
        start.waiting.fetch_add(1, Ordering::Release);
        while start.allowed.load(Ordering::Acquire) <= last {
            thread::yield_now();
        }
        let outcome = match (moved, order) {
            (Err(errno), _) => Err(anyhow!("a thread cannot have a CPU of its own: {errno}")),
            (Ok(()), Order::Send(duration)) => send(&mut *member, &packet, duration),
            (Ok(()), Order::Receive) => member.drain(),
        };
        if report.send(outcome).is_err() {
            return;
        }
    }
}

fn send(member: &mut dyn Member, packet: &[u8], duration: Duration) -> Result<u64> {
    let (start, mut frames) = (Instant::now(), 0);
    while start.elapsed() < duration {
        frames += member.send(packet)?;
    }
    Ok(frames)
}

/// Keeps this thread on one CPU: the threads of a team take them in turn, wherever this process is kept.
fn take_place(number: usize) -> rustix::io::Result<()> {
    let mut all = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|cpu| all.set(cpu));
    // What the system gives this process remains.
    sched_setaffinity(None, &all)?;
    let allowed = sched_getaffinity(None)?;
    let last_first = (0..CpuSet::MAX_CPU).rev();
    let mut cpus = last_first.filter(|cpu| allowed.is_set(*cpu)).cycle();
    let mut one = CpuSet::new();
    cpus.nth(number).into_iter().for_each(|cpu| one.set(cpu));
    sched_setaffinity(None, &one)
}
