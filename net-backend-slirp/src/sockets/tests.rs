use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::*;

struct World {
    sockets: Sockets,
    poller: Arc<Poller>,
}

impl World {
    fn new() -> Self {
        let poller = Arc::new(Poller::new().unwrap());
        let sockets = Sockets::new(Arc::clone(&poller), Arc::default());
        Self { sockets, poller }
    }

    /// A want that the poller is told.
    fn want(&mut self, socket: RawFd, events: Events) -> i32 {
        let index = self.sockets.want(socket, events);
        self.sockets.arm();
        index
    }

    /// What the poller finds now, and a turn begun with it.
    fn found(&mut self) -> usize {
        let mut ready = Vec::new();
        self.poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
        self.sockets.begin_turn(&ready, Epoch::NOW);
        ready.len()
    }
}

/// A socket with something to read.
fn readable() -> (UnixStream, UnixStream) {
    let (mut far, near) = UnixStream::pair().unwrap();
    far.write_all(b"x").unwrap();
    (near, far)
}

#[test]
fn what_is_wanted_and_ready_is_told_once() {
    let mut world = World::new();
    let (near, _far) = readable();
    let socket = near.as_raw_fd();
    world.sockets.register(socket);
    world.sockets.begin_round();
    let index = world.sockets.want(socket, Events::IN);
    assert!(world.sockets.arm());
    assert_eq!(world.found(), 1);
    assert_eq!(world.sockets.take_ready(index, true), Events::IN);
    assert_eq!(world.sockets.take_ready(index, true), Events::empty());
}

#[test]
fn a_socket_that_is_wanted_no_more_is_found_once_and_then_left_alone() {
    let mut world = World::new();
    let (near, _far) = readable();
    let socket = near.as_raw_fd();
    world.sockets.begin_round();
    world.want(socket, Events::IN);
    world.sockets.begin_round();
    assert_eq!(world.found(), 1);
    assert_eq!(world.sockets.take_ready(socket, true), Events::empty());
    assert_eq!(world.found(), 0);
    world.sockets.begin_round();
    world.sockets.want(socket, Events::IN);
    assert!(world.sockets.arm());
    assert_eq!(world.found(), 1);
    assert_eq!(world.sockets.take_ready(socket, true), Events::IN);
}

#[test]
fn the_same_want_costs_nothing() {
    let mut world = World::new();
    let (near, _far) = readable();
    for round in 0..3 {
        world.sockets.begin_round();
        world.sockets.want(near.as_raw_fd(), Events::IN);
        assert_eq!(world.sockets.arm(), round == 0);
    }
}

#[test]
fn who_had_to_wait_for_room_is_alone_in_the_next_turn() {
    let mut world = World::new();
    let pairs: Vec<_> = (0..3).map(|_| readable()).collect();
    let sockets: Vec<RawFd> = pairs.iter().map(|(near, _)| near.as_raw_fd()).collect();
    let mut serve = |has_room: [bool; 3]| {
        world.sockets.begin_round();
        for socket in &sockets {
            world.want(*socket, Events::IN);
        }
        assert_eq!(world.found(), 3);
        let pairs = sockets.iter().zip(has_room);
        let served = pairs.map(|(socket, has_room)| world.sockets.take_ready(*socket, has_room));
        served.map(|ready| !ready.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(serve([true, false, false]), [true, false, false]);
    assert_eq!(serve([true, true, false]), [false, true, false]);
    assert_eq!(serve([true, true, true]), [false, false, true]);
    assert_eq!(serve([true, true, true]), [true, true, true]);
}

#[test]
fn a_number_that_is_used_again_is_watched_again() {
    let mut world = World::new();
    let (near, far) = readable();
    let socket = near.as_raw_fd();
    world.sockets.register(socket);
    world.sockets.begin_round();
    world.want(socket, Events::IN);
    world.sockets.unregister(socket);
    drop((near, far));
    let (other, _far) = readable();
    if other.as_raw_fd() != socket {
        // Another thread was faster with the number.
        return;
    }
    world.sockets.begin_round();
    world.want(socket, Events::IN);
    assert_eq!(world.found(), 1);
    assert_eq!(world.sockets.take_ready(socket, true), Events::IN);
}

#[test]
fn only_known_flows_pass_when_descriptors_are_short() {
    let mut world = World::new();
    let flow = |port: u16| Flow {
        transport: crate::forward::Transport::Udp,
        guest: ([10, 0, 2, 15], port).into(),
        remote: ([192, 0, 2, 1], 53).into(),
    };
    let (near, _far) = readable();
    assert!(world.sockets.admits(&flow(1)));
    world.sockets.bound = 0;
    world.sockets.arriving = Some(flow(1));
    world.sockets.register(near.as_raw_fd());
    assert!(world.sockets.is_full());
    assert!(world.sockets.admits(&flow(1)));
    assert!(!world.sockets.admits(&flow(2)));
    world.sockets.set_forward(near.as_raw_fd(), true);
    world.sockets.begin_round();
    world.want(near.as_raw_fd(), Events::IN);
    assert_eq!(world.found(), 0, "a listener waits");
    world.sockets.bound = RawFd::MAX;
    assert!(world.sockets.admits(&flow(2)));
    world.sockets.begin_round();
    world.want(near.as_raw_fd(), Events::IN);
    assert_eq!(world.found(), 1, "the listener accepts again");
}

#[test]
fn what_is_ready_at_once_is_found_without_the_poller() {
    let mut world = World::new();
    let (near, _far) = readable();
    let (idle, _other) = UnixStream::pair().unwrap();
    world.sockets.begin_round();
    let index = world.sockets.want(near.as_raw_fd(), Events::IN);
    world.sockets.want(idle.as_raw_fd(), Events::IN);
    let mut ready = Vec::new();
    assert!(world.sockets.find_ready(&mut ready));
    assert_eq!(ready.len(), 1);
    world.sockets.begin_turn(&ready, Epoch::NOW);
    assert_eq!(world.sockets.take_ready(index, true), Events::IN);
    world.sockets.begin_round();
    world.sockets.want(idle.as_raw_fd(), Events::IN);
    assert!(!world.sockets.find_ready(&mut ready));
    assert_eq!(world.found(), 0, "the poller knows neither");
}

#[test]
fn what_was_found_before_a_socket_began_is_not_about_it() {
    let mut world = World::new();
    let (near, _far) = readable();
    let socket = near.as_raw_fd();
    let before = world.sockets.epoch.current();
    world.sockets.register(socket);
    world.sockets.begin_round();
    let index = world.want(socket, Events::IN);
    let found = [Ready {
        descriptor: socket,
        events: Events::IN,
    }];
    world.sockets.begin_turn(&found, before);
    assert_eq!(world.sockets.take_ready(index, true), Events::empty());
    let after = world.sockets.epoch.current();
    world.sockets.begin_turn(&found, after);
    assert_eq!(world.sockets.take_ready(index, true), Events::IN);
}

#[test]
fn an_error_is_something_to_write_for_who_does_not_want_to_read() {
    let (reading, writing) = (Events::IN | Events::ERROR, Events::OUT | Events::ERROR);
    for faults in [
        Events::ERROR,
        Events::HANG_UP,
        Events::ERROR | Events::HANG_UP,
    ] {
        assert_eq!(presented(faults, writing), Events::OUT);
        assert_eq!(presented(faults | Events::IN, writing), Events::OUT);
    }
    assert_eq!(presented(Events::ERROR, reading), Events::ERROR);
    assert_eq!(presented(Events::ERROR, reading | writing), Events::ERROR);
    assert_eq!(presented(Events::all(), Events::empty()), Events::empty());
}

#[test]
fn a_forward_whose_guest_nobody_knows_waits() {
    let mut world = World::new();
    let (near, _far) = readable();
    let socket = near.as_raw_fd();
    world.sockets.begin_round();
    let index = world.want(socket, Events::IN);
    world.sockets.set_waiting(socket);
    assert!(world.sockets.waits_for_neighbour());
    for _ in 0..2 {
        world.found();
        assert_eq!(world.sockets.take_ready(index, true), Events::empty());
        world.sockets.begin_round();
        world.want(socket, Events::IN);
    }
    assert_eq!(world.found(), 0, "it does not keep the poller awake");
    world.sockets.set_neighbour(true);
    world.sockets.begin_round();
    world.want(socket, Events::IN);
    assert_eq!(world.found(), 1);
    assert_eq!(world.sockets.take_ready(index, true), Events::IN);
}
