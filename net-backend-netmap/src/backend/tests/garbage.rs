//! A port whose memory anybody writes anything to, at any time.

use net_backend_core::{
    Activation, Error, HeaderLength, NetBackend, RxQueue, RxSlice, TxQueue, TxSlice,
};

use super::random::Random;
use super::{frame, open, with_header};
use crate::testing::{Far, Model, Settings};
use crate::{ReceiveQueue, TransmitQueue};

const NEAR: &str = "vale0:near";

#[test]
fn garbage_is_survived() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let model = Model::new(Settings::default()).unwrap();
        let far = model.port("vale0:far").unwrap();
        let options = random.pick(&["slots=16", "slots=64&rings=2", "extra-bufs=4"]);
        let mut near = open(&model, &format!("netmap:{NEAR}?{options}"));
        for _ in 0..3 {
            let with = with_header(random.pick(&HeaderLength::ALL));
            match near.queues(&with) {
                Ok(mut pairs) => {
                    let (rx, tx) = &mut pairs[0];
                    use_and_tamper(&mut random, &model, &far, rx, tx);
                }
                Err(error) => assert!(matches!(error, Error::Gone { .. }), "{error:?}"),
            }
        }
        drop(near.activate(&Activation::plain()));
    }
}

fn use_and_tamper(
    random: &mut Random,
    model: &Model,
    far: &Far,
    rx: &mut ReceiveQueue,
    tx: &mut TransmitQueue,
) {
    let tamper = model.tamper(NEAR).unwrap();
    let mut is_gone = false;
    let mut note = |outcome: Result<(), Error>| match outcome {
        Ok(()) => {}
        Err(Error::Gone { .. }) => is_gone = true,
        Err(error) => panic!("{error:?}"),
    };
    let mut buffer = vec![0; 5000];
    for _ in 0..100 {
        let length = random.below(6000);
        match random.below(10) {
            0..2 => {
                let mut seed = random.next();
                tamper.scramble(&mut seed);
            }
            2 => drop(far.send(&frame(1, length.max(14)))),
            3 => drop(far.receive()),
            4 => note(tx.send(&[TxSlice::new(&vec![0; length])]).map(drop)),
            5 => note(tx.flush()),
            6 => note(rx.peek().map(drop)),
            7 => {
                let received = rx.recv(&mut [RxSlice::new(&mut buffer[..length.min(5000)])]);
                note(received.map(drop));
            }
            8 => note(rx.lend().map(|lent| {
                let Some(lent) = lent else { return };
                lent.with_pieces(|pieces| {
                    let bytes = net_backend_core::total_length(pieces);
                    assert!(bytes <= 64 * 2048, "{bytes}");
                });
                lent.release();
            })),
            _ => {
                let (_receives, _sends) = (rx.source(), tx.source());
            }
        }
    }
    if is_gone {
        assert!(matches!(tx.flush(), Err(Error::Gone { .. })));
    }
}
