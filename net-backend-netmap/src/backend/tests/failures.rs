//! System calls that fail: each is told with what it was about, and leaves nothing behind.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use net_backend_core::{
    Activation, BorrowedDescriptor, Error, HeaderLength, NetBackend, RxQueue, RxSlice, Sent,
    TxQueue,
};

use super::{config, frame, model, open, queues, send, with_header};
use crate::Netmap;
use crate::abi::{BODY_BYTES, HEADER_BYTES, RequestKind};
use crate::gate::{Control, Kernel};
use crate::sys::Region;
use crate::testing::{Call, Model};

const REGISTER: Call = Call::Request(RequestKind::Register as u16);
const HEADER_GET: Call = Call::Request(RequestKind::PortHeaderGet as u16);
const HEADER_SET: Call = Call::Request(RequestKind::PortHeaderSet as u16);

/// A kernel that knows how many of its descriptors are open.
#[derive(Clone, Debug)]
struct Watched {
    kernel: Arc<dyn Kernel>,
    live: Arc<AtomicUsize>,
}

impl Watched {
    fn new(model: &Model) -> Self {
        Self {
            kernel: model.kernel(),
            live: Arc::default(),
        }
    }

    fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }
}

impl Kernel for Watched {
    fn open(&self) -> io::Result<Box<dyn Control>> {
        let control = self.kernel.open()?;
        self.live.fetch_add(1, Ordering::SeqCst);
        let live = Arc::clone(&self.live);
        Ok(Box::new(Descriptor { control, live }))
    }
}

#[derive(Debug)]
struct Descriptor {
    control: Box<dyn Control>,
    live: Arc<AtomicUsize>,
}

impl Control for Descriptor {
    fn request(
        &self,
        header: &mut [u8; HEADER_BYTES],
        body: &mut [u8; BODY_BYTES],
    ) -> io::Result<()> {
        self.control.request(header, body)
    }

    fn transmit_sync(&self) -> io::Result<()> {
        self.control.transmit_sync()
    }

    fn receive_sync(&self) -> io::Result<()> {
        self.control.receive_sync()
    }

    fn map(&self, length: usize) -> io::Result<Arc<Region>> {
        self.control.map(length)
    }

    fn receive_source(&self) -> BorrowedDescriptor<'_> {
        self.control.receive_source()
    }

    fn transmit_source(&self) -> BorrowedDescriptor<'_> {
        self.control.transmit_source()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the system calls it.
fn reason(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os").next().unwrap().to_owned()
}

#[test]
fn an_open_that_fails_anywhere_leaves_nothing_open() {
    let uri = config("netmap:vale0:near?rings=3&extra-bufs=4");
    let steps = [
        (Call::Open, 4, "open on /dev/netmap"),
        (REGISTER, 4, "NETMAP_REQ_REGISTER on netmap:vale0:near"),
        (Call::Map, 1, "mmap on netmap:vale0:near"),
    ];
    for (call, count, says) in steps {
        for errno in [
            libc::ENOMEM,
            libc::EINTR,
            libc::EBUSY,
            libc::EINVAL,
            libc::EIO,
        ] {
            for skip in 0..count {
                let model = model();
                let watched = Watched::new(&model);
                model.fail(call, skip, 1, errno);
                let error = Netmap::open_on(&watched, &uri).map(drop).unwrap_err();
                let text = error.to_string();
                assert!(text.starts_with(says), "{call:?} {skip} {errno}: {text}");
                assert!(text.contains(&reason(errno)), "{text}");
                assert_eq!(watched.live(), 0, "{call:?} {skip}");
                assert!(model.tamper("vale0:near").is_err(), "the port is not there");
                let again = Netmap::open_on(&watched, &uri).unwrap();
                assert_eq!(again.capabilities().max_queue_pairs, 3);
                assert_eq!(watched.live(), 4, "one for each ring, and one for all");
                drop(again);
                assert_eq!(watched.live(), 0);
            }
        }
        let model = model();
        model.fail(call, count, 1, libc::EIO);
        let opened = Netmap::open_on(&Watched::new(&model), &uri);
        assert!(opened.is_ok(), "there are {count} of {call:?}");
    }
}

#[test]
fn what_is_wrong_with_a_port_is_said() {
    let model = model();
    model.wire(["em0", "em1"], 2, 64);
    let _far = model.port("vale0:far").unwrap();
    let mine = open(&model, "netmap:em1/x");
    let wrongs = [
        ("netmap:em9", "no such interface"),
        ("netmap:em1", "others have these rings"),
        ("netmap:em0-2", "fewer rings"),
        ("netmap:em0@77", "no memory region"),
        ("netmap:vale0:near-3", "fewer rings"),
        ("netmap:em0/r", "nobody has the port open"),
        ("netmap:em0?vnet-hdr=on", "only ports of VALE switches"),
        (
            "netmap:vale0:x{1?vnet-hdr=on",
            "only ports of VALE switches",
        ),
        ("netmap:vale0:far/x", "others have this port"),
    ];
    for (uri, says) in wrongs {
        let before = model.counts();
        let watched = Watched::new(&model);
        let opened = Netmap::open_on(&watched, &config(uri)).map(drop);
        let text = opened.expect_err(uri).to_string();
        assert!(text.contains(says), "{uri}: {text}");
        assert!(
            text.contains(uri.split('?').next().unwrap()),
            "{uri}: {text}"
        );
        assert_eq!(watched.live(), 0, "{uri}");
        if uri.contains("vnet-hdr") {
            assert_eq!(
                model.counts(),
                before,
                "{uri}: refused before anything is opened"
            );
        }
    }
    drop(mine);
}

#[test]
fn a_kernel_without_netmap_is_told_from_one_that_forbids_it() {
    for (errno, says) in [
        (libc::ENOENT, "no netmap"),
        (libc::ENXIO, "no netmap"),
        (libc::EACCES, "only root"),
        (libc::EPERM, "only root"),
        (libc::EMFILE, "RLIMIT_NOFILE"),
    ] {
        let model = model();
        model.fail(Call::Open, 0, 1, errno);
        let opened = model.open(&config("netmap:vale0:near")).map(drop);
        let text = opened.unwrap_err().to_string();
        assert!(
            text.contains("/dev/netmap") && text.contains(says),
            "{text}"
        );
    }
}

#[test]
fn activation_that_fails_changes_nothing_and_can_be_repeated() {
    let with = with_header(HeaderLength::Twelve);
    for (call, says) in [
        (HEADER_GET, "NETMAP_REQ_PORT_HDR_GET"),
        (HEADER_SET, "NETMAP_REQ_PORT_HDR_SET"),
    ] {
        let model = model();
        let mut near = open(&model, "netmap:vale0:near");
        model.fail(call, 0, 1, libc::EINVAL);
        let error = near.queues(&with).unwrap_err();
        assert!(error.to_string().starts_with(says), "{error}");
        assert!(error.to_string().contains("netmap:vale0:near"), "{error}");
        assert_eq!(near.port.header_length().unwrap(), 0);
        assert_eq!(near.queues(&with).unwrap().len(), 1);
        assert_eq!(near.port.header_length().unwrap(), 12);
    }
}

#[test]
fn what_activation_is_refused_for_costs_no_call() {
    let model = model();
    let mut near = open(&model, "netmap:vale0:x{1");
    let before = model.counts();
    let with = Activation {
        queue_pairs: 2,
        ..Activation::plain()
    };
    near.queues(&with).unwrap_err();
    let active = near.queues(&Activation::plain()).unwrap();
    let refused = near.queues(&Activation::plain()).unwrap_err();
    assert!(matches!(refused, Error::Active { .. }), "{refused:?}");
    drop(active);
    assert_eq!(model.counts(), before);
}

#[test]
fn a_synchronisation_that_fails_ends_both_halves() {
    for errno in [libc::EIO, libc::ENXIO, libc::EINVAL, libc::ENOMEM] {
        for call in [Call::TransmitSync, Call::ReceiveSync] {
            let model = model();
            let mut near = open(&model, "netmap:vale0:near");
            let (mut rx, mut tx) = queues(&mut near);
            assert_eq!(send(&mut tx, &frame(0, 60)), Sent::Queued);
            let mut buffer = [0; 100];
            model.fail(call, 0, 1, errno);
            let error = match call {
                Call::TransmitSync => tx.flush().unwrap_err(),
                _ => rx.peek().unwrap_err(),
            };
            assert!(matches!(error, Error::Gone { .. }), "{error:?}");
            assert!(error.to_string().contains(&reason(errno)), "{error}");
            let received = rx.recv(&mut [RxSlice::new(&mut buffer)]);
            assert!(matches!(received, Err(Error::Gone { .. })), "{received:?}");
            assert!(matches!(tx.flush(), Err(Error::Gone { .. })));
            drop((rx, tx));
            let again = near.activate(&Activation::plain());
            assert!(matches!(again, Err(Error::Gone { .. })), "{again:?}");
        }
    }
}
