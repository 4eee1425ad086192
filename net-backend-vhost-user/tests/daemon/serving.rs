//! What a guest gets from a device.

use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::Duration;

use net_backend::Features;
use vhost::VhostBackend;
use vhost::vhost_user::{VhostUserFrontend, VhostUserProtocolFeatures};

use crate::guest::{Guest, Looks, RECEIVED, STEP};
use crate::program::{Home, until};

/// Bytes of a page of the log.
const PAGE: u64 = 0x1000;

fn frame(length: usize) -> Vec<u8> {
    (0..length).map(|at: usize| at.to_le_bytes()[0]).collect()
}

#[test]
fn frames_go_and_come_back() {
    let home = Home::new();
    let socket = home.path("socket");
    let _program = home.serve(&socket, &["--mac=52:54:00:12:34:56", "loopback:?mtu=9000"]);
    let mut guest = Guest::boot(&socket, Looks::default());
    for length in [14, 60, 1514, 9014] {
        assert!(
            guest.exchange(0, &frame(length)) == frame(length),
            "{length}"
        );
    }
}

#[test]
fn features_and_configuration_are_those_of_the_backend() {
    let home = Home::new();
    let socket = home.path("socket");
    let words = ["--mac=52:54:00:12:34:56", "loopback:?queues=3&mtu=9000"];
    let _program = home.serve(&socket, &words);
    let mut guest = Guest::boot(&socket, Looks::default());
    let offered = Features::from_bits_truncate(guest.offered);
    let expected = Features::OFFLOADS
        | Features::MAC
        | Features::MTU
        | Features::MQ
        | Features::STATUS
        | Features::CTRL_VQ;
    assert!(offered.contains(expected), "{offered:?}");
    use VhostUserProtocolFeatures as Protocol;
    let expected = Protocol::MQ | Protocol::LOG_SHMFD | Protocol::REPLY_ACK | Protocol::CONFIG;
    assert!(guest.protocol.contains(expected), "{:?}", guest.protocol);
    // QEMU sends the regions of memory slots twice.
    let unwanted = Protocol::CONFIGURE_MEM_SLOTS;
    assert!(!guest.protocol.intersects(unwanted), "{:?}", guest.protocol);
    // It is kept, for when the link goes down or up.
    let (socket, _other) = UnixStream::pair().unwrap();
    guest.frontend.set_backend_request_fd(&socket).unwrap();
    // Address, link, queue pairs, MTU.
    let config = [0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 3, 0, 0x28, 0x23];
    assert_eq!(guest.config(12), config);
}

#[test]
fn a_ring_that_is_stopped_tells_how_far_it_came() {
    let home = Home::new();
    let socket = home.path("socket");
    let _program = home.serve(&socket, &["loopback:"]);
    let mut guest = Guest::boot(&socket, Looks::default());
    for _ in 0..3 {
        guest.exchange(0, &frame(60));
    }
    assert_eq!(guest.frontend.get_vring_base(1).unwrap(), 3);
    assert_eq!(guest.frontend.get_vring_base(0).unwrap(), 3);
}

#[test]
fn rings_that_are_disabled_wait() {
    disable(&["loopback:?queues=2"]);
}

#[test]
fn rings_that_are_disabled_wait_beside_others_of_their_thread() {
    disable(&["--threads=1", "loopback:?queues=2"]);
}

fn disable(words: &[&str]) {
    let home = Home::new();
    let socket = home.path("socket");
    let _program = home.serve(&socket, words);
    let looks = Looks {
        pairs: 2,
        features: Looks::default().features | Features::MQ,
    };
    let mut guest = Guest::boot(&socket, looks);
    // The second pair is in use when it takes a frame. All pairs are made anew for that, and lose what they have.
    for pair in [1, 0, 1, 0] {
        assert!(guest.exchange(pair, &frame(100 + pair)) == frame(100 + pair));
    }
    for ring in [2, 3] {
        guest.frontend.set_vring_enable(ring, false).unwrap();
    }
    guest.offer(1, RECEIVED + 0x8_0000 - 0x1_0000, 2000);
    guest.put(1, &frame(77));
    // The other pair goes on, although it is made anew when its neighbour is seen to be out of use.
    guest.offer(0, RECEIVED, 2000);
    until(|| {
        guest.put(0, &frame(60));
        sleep(Duration::from_millis(5));
        while guest.rings[1].driver.take().is_some() {}
        guest.rings[0].driver.take()
    });
    assert_eq!(guest.rings[3].driver.take(), None);
    for ring in [2, 3] {
        guest.frontend.set_vring_enable(ring, true).unwrap();
    }
    assert_eq!(guest.rings[3].used(), 0);
    assert_eq!(guest.rings[2].used(), 77 + 12);
}

#[test]
fn exactly_the_pages_that_were_written_are_logged() {
    let home = Home::new();
    let socket = home.path("socket");
    let _program = home.serve(&socket, &["loopback:?mtu=9000"]);
    let mut guest = Guest::boot(&socket, Looks::default());
    guest.exchange(0, &frame(60));
    let log = guest.log();
    // The first buffer is filled, over the end of a page; of the second only a part is.
    let buffers = [RECEIVED + 0xf00, RECEIVED + 0x4000];
    guest.offer(0, buffers[0], 0x1100);
    guest.offer(0, buffers[1], 0x3000);
    guest.put(0, &frame(6000));
    guest.rings[1].used();
    assert_eq!(guest.rings[0].used(), 0x1100);
    let rest = 12 + 6000 - 0x1100;
    let (_, length) = guest.rings[0].driver.take().unwrap();
    assert_eq!(length, rest);
    // Nothing is written any more.
    guest.frontend.get_vring_base(0).unwrap();
    guest.frontend.get_vring_base(1).unwrap();

    let mut bits = [0; 0x1000];
    log.read_exact_at(&mut bits, 0).unwrap();
    let pages = (0_u64..).zip(
        bits.iter()
            .flat_map(|byte| (0..8).map(move |bit| (byte >> bit) & 1)),
    );
    let dirty: Vec<u64> = pages
        .filter(|page| page.1 == 1)
        .map(|page| page.0)
        .collect();
    let used = |ring: u64| (STEP * ring + PAGE) / PAGE;
    let frames = RECEIVED / PAGE;
    let expected = [used(0), used(1), frames, frames + 1, frames + 4];
    assert_eq!(dirty, expected);
}
