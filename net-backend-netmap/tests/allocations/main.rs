//! The data path allocates nothing: not for a frame, not for a synchronisation.
#![cfg(feature = "testing")]

mod headers;
mod sys;

use net_backend_core::{
    Activation, Features, HeaderLength, Result, RxQueue, RxSlice, Sent, TxQueue, TxSlice,
};
use net_backend_netmap::testing::{Model, Settings};
use net_backend_netmap::{Netmap, NetmapConfig, ReceiveQueue, Stopped, TransmitQueue};

use sys::allocations;

const ROUNDS: usize = 2000;

/// An interface that always has frames, and takes all of them; the model allocates nothing for it.
fn generator(name: &str, model: &Model) -> Result<Netmap> {
    model.generator(name, 2, 64, Some(1000));
    open(&format!("netmap:{name}?fragments=8"), model)
}

fn open(uri: &str, model: &Model) -> Result<Netmap> {
    model.open(&NetmapConfig::from_uri(&uri.parse()?)?)
}

fn queues(backend: &mut Netmap) -> Result<(ReceiveQueue, TransmitQueue)> {
    Ok(backend.queues(&Activation::plain())?.remove(0))
}

/// How often `work` asks for memory.
fn counted(work: impl FnOnce()) -> u64 {
    let before = allocations();
    work();
    allocations() - before
}

#[test]
fn receiving_allocates_nothing() {
    let model = Model::new(Settings::default()).unwrap();
    let mut backend = generator("gen0", &model).unwrap();
    let (mut rx, _tx) = queues(&mut backend).unwrap();
    let (mut long, mut short) = ([0; 2000], [0; 100]);
    let mut frames = 0;
    let count = counted(|| {
        for _ in 0..ROUNDS {
            assert_eq!(rx.peek().unwrap(), Some(1000));
            let (one, two) = long.split_at_mut(600);
            let mut pieces = [RxSlice::new(one), RxSlice::new(two)];
            frames += usize::from(rx.recv(&mut pieces).unwrap().is_some());
            let received = rx.recv(&mut [RxSlice::new(&mut short)]).unwrap();
            frames += usize::from(received.is_some_and(|it| it.truncated));
            let lent = rx.lend().unwrap().unwrap();
            lent.with_pieces(|pieces| assert_eq!(pieces.len(), 1));
            lent.release();
        }
    });
    assert_eq!((frames, count), (2 * ROUNDS, 0));
}

#[test]
fn sending_allocates_nothing() {
    let model = Model::new(Settings::default()).unwrap();
    let mut backend = generator("gen0", &model).unwrap();
    let (_rx, mut tx) = queues(&mut backend).unwrap();
    let (short, long) = ([0xff; 60], [0xff; 5000]);
    let mut frames = 0;
    let count = counted(|| {
        for _ in 0..ROUNDS {
            let pieces = [TxSlice::new(&short[..14]), TxSlice::new(&short[14..])];
            for frame in [&pieces[..], &[TxSlice::new(&long)]] {
                frames += usize::from(tx.send(frame).unwrap() == Sent::Queued);
            }
            if frames % 3 == 0 {
                tx.flush().unwrap();
            }
        }
    });
    assert_eq!((frames, count), (2 * ROUNDS, 0));
}

#[test]
fn moving_frames_allocates_nothing() {
    let model = Model::new(Settings::default()).unwrap();
    model.wire(["em0", "em1"], 1, 64);
    let far = model.port("em0").unwrap();
    let (mut west, mut east) = (
        open("netmap:em1", &model).unwrap(),
        generator("gen0", &model).unwrap(),
    );
    let (mut rx, _) = queues(&mut west).unwrap();
    let (_, mut tx) = queues(&mut east).unwrap();
    let (mut frames, mut count) = (0, 0);
    for _ in 0..ROUNDS / 20 {
        for _ in 0..20 {
            assert!(far.send(&[0xff; 100]).unwrap());
        }
        count += counted(|| {
            let forwarded = tx.forward(&mut rx, 20).unwrap();
            assert_eq!(forwarded.stopped, Stopped::Limit);
            frames += forwarded.frames;
            tx.flush().unwrap();
        });
    }
    assert_eq!((frames, count), (ROUNDS, 0));
}

#[test]
fn looking_in_vain_allocates_nothing() {
    let model = Model::new(Settings::default()).unwrap();
    model.generator("gen0", 4, 64, None);
    let mut backend = open("netmap:gen0", &model).unwrap();
    let (mut rx, mut tx) = queues(&mut backend).unwrap();
    let count = counted(|| {
        for _ in 0..ROUNDS {
            assert_eq!(rx.peek().unwrap(), None);
            tx.flush().unwrap();
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn a_header_allocates_nothing() {
    let model = Model::new(Settings::default()).unwrap();
    let mut backend = open("netmap:vale0:near", &model).unwrap();
    let far = model.port("vale0:far").unwrap();
    let with = Activation {
        header: HeaderLength::Twelve,
        features: Features::CSUM,
        ..Activation::plain()
    };
    let (mut rx, mut tx) = backend.queues(&with).unwrap().remove(0);
    let frame = [[0; 12].as_slice(), &[0xff; 60]].concat();
    let mut into = [0; 2000];
    for _ in 0..100 {
        assert!(far.send(&[0xff; 60]).unwrap());
    }
    let count = counted(|| {
        for _ in 0..100 {
            assert_eq!(tx.send(&[TxSlice::new(&frame)]).unwrap(), Sent::Queued);
            assert_eq!(rx.peek().unwrap(), Some(72));
            let received = rx.recv(&mut [RxSlice::new(&mut into)]).unwrap();
            assert_eq!(received.map(|it| it.length), Some(72));
        }
    });
    assert_eq!(count, 0);
    drop(far);
}
