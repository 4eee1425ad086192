//! What libslirp does for a guest, and what it tells its host.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::Case;
use crate::frames::{
    ACK, FIN, GATEWAY, GUEST, PSH, RST, SYN, Segment, arp_reply_of, arp_request, dhcp_discover,
    dhcp_offer_of, is_router_advertisement, router_solicitation, udp_frame, udp_payload,
};
use crate::guest::{Guest, Recorder, settings};
use crate::signals;
use crate::sys::sockets::{self, SocketAddress};
use crate::sys::{Events, HostAddress, Instance, Library};

/// Makes this program write to a closed connection, and do nothing else.
pub(crate) const WRITE_TO_CLOSED: &str = "WRITE_TO_CLOSED_CONNECTION";

type Outcome = Result<(), Failed>;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("version", version),
        case("arp", arp),
        case("dhcp", dhcp),
        case("router_solicitation", solicitation),
        case("router_advertisement_timer", advertisement_timer),
        case("restless_fill", restless_fill),
        case("connection", connection).on_loopback(),
        case("refused_connection", refused_connection).on_loopback(),
        case("closed_connection", closed_connection).on_loopback(),
        case("datagrams", datagrams).on_loopback(),
        case("panic", panic_in_a_callback),
        case("drop_closes", drop_closes).on_loopback(),
        case("threads", threads).on_loopback(),
    ]
}

/// A case that needs libslirp.
pub(crate) fn case(name: &'static str, run: fn() -> Outcome) -> Case {
    let library = Library::open(None).map_err(|error| error.to_string());
    Case {
        name,
        run,
        needs: library.map(drop),
    }
}

fn version() -> Outcome {
    let library = Library::open(None)?;
    assert!(library.version().starts_with("4."), "{}", library.version());
    Ok(())
}

fn arp() -> Outcome {
    let library = Library::open(None)?;
    let mut instance = Instance::new(&library, &settings(), Recorder::default())?;
    instance.input(&arp_request(GATEWAY));
    let replies = |instance: &Instance<Recorder>| {
        let frames = instance.host().frames.iter();
        frames.filter_map(|it| arp_reply_of(it)).collect::<Vec<_>>()
    };
    assert_eq!(replies(&instance), [GATEWAY]);
    instance.input(&arp_request(Ipv4Addr::new(10, 0, 2, 77)));
    // Nothing, and less than a header.
    instance.input(&[]);
    instance.input(&[0; 13]);
    assert_eq!(replies(&instance), [GATEWAY]);
    Ok(())
}

fn dhcp() -> Outcome {
    let library = Library::open(None)?;
    let mut instance = Instance::new(&library, &settings(), Recorder::default())?;
    instance.input(&dhcp_discover());
    let frames = &instance.host().frames;
    let offers: Vec<Ipv4Addr> = frames.iter().filter_map(|it| dhcp_offer_of(it)).collect();
    assert_eq!(offers, [GUEST]);
    let settings = crate::sys::Settings {
        disable_dhcp: true,
        ..settings()
    };
    let mut instance = Instance::new(&library, &settings, Recorder::default())?;
    instance.input(&dhcp_discover());
    assert!(instance.host().frames.is_empty());
    Ok(())
}

fn solicitation() -> Outcome {
    let library = Library::open(None)?;
    let mut instance = Instance::new(&library, &settings(), Recorder::default())?;
    instance.input(&router_solicitation());
    let frames = &instance.host().frames;
    assert!(frames.iter().any(|frame| is_router_advertisement(frame)));
    Ok(())
}

/// The one timer of libslirp sets itself anew, minutes ahead, each time that it expires.
fn advertisement_timer() -> Outcome {
    let library = Library::open(None)?;
    let before = Instant::now();
    let mut instance = Instance::new(&library, &settings(), Recorder::default())?;
    let deadline = instance.next_timer().ok_or("no timer")?;
    let delay = deadline - before;
    assert!(
        delay > Duration::from_secs(60) && delay < Duration::from_secs(3600),
        "{delay:?}"
    );
    instance.run_timers(deadline - Duration::from_millis(1));
    assert!(instance.host().frames.is_empty());
    instance.run_timers(deadline);
    let frames = &instance.host().frames;
    assert_eq!(
        frames
            .iter()
            .filter(|it| is_router_advertisement(it))
            .count(),
        1
    );
    assert!(instance.next_timer().ok_or("no timer any more")? > Instant::now());
    let settings = crate::sys::Settings {
        ipv6: None,
        ..settings()
    };
    let instance = Instance::new(&library, &settings, Recorder::default())?;
    assert_eq!(instance.next_timer(), None);
    Ok(())
}

/// libslirp never waits longer than it is asked to, and asks about nothing when it has no sockets.
fn restless_fill() -> Outcome {
    let library = Library::open(None)?;
    let mut instance = Instance::new(&library, &settings(), Recorder::default())?;
    for timeout in [0, 1, 700, u32::MAX] {
        assert!(instance.fill(timeout) <= timeout.min(1000));
    }
    instance.poll(false);
    instance.poll(true);
    assert!(instance.host().wanted.is_empty());
    assert_eq!(instance.host().asked, 0);
    Ok(())
}

/// A connection to the host's loopback: its socket is registered, waited for, ready, and in the end unregistered.
fn connection() -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut guest = Guest::new(&Library::open(None)?);
    let mut segment = guest.connect(4000, (GATEWAY, listener.local_addr()?.port()));
    let [socket] = guest.instance.host().registered[..] else {
        return Err(format!("{:?}", guest.instance.host()).into());
    };
    assert!(guest.instance.host().asked > 0);
    let wanted = guest.wanted();
    let events = wanted
        .iter()
        .find(|it| it.0 == socket)
        .ok_or("not wanted")?
        .1;
    assert!(events.contains(Events::IN) && !events.contains(Events::OUT));
    let (mut stream, from) = listener.accept()?;
    assert_eq!(
        sockets::local_address(socket),
        Some(SocketAddress::Ip(from))
    );
    let peer = SocketAddress::Ip(listener.local_addr()?);
    assert_eq!(sockets::peer_address(socket), Some(peer));
    assert!(!sockets::is_listener(socket));

    segment.flags = ACK | PSH;
    segment.payload = b"from the guest".to_vec();
    guest.send(&segment);
    let mut heard = [0; 14];
    stream.read_exact(&mut heard)?;
    assert_eq!(&heard, b"from the guest");
    stream.write_all(b"from the host")?;
    assert_eq!(guest.segment(PSH).payload, b"from the host");
    let table = guest.instance.connection_info().ok_or("no table")?;
    assert!(table.contains("TCP[ESTABLISHED]"), "{table}");

    drop(stream);
    let end = guest.segment(FIN);
    segment.flags = ACK | RST;
    segment.sequence += 14;
    segment.acknowledgement = end.sequence + 1;
    segment.payload.clear();
    guest.send(&segment);
    guest.until(|guest| guest.instance.host().unregistered.contains(&socket));
    assert_eq!(sockets::peer_address(socket), None);
    assert!(guest.instance.host().complaints.is_empty());
    Ok(())
}

fn refused_connection() -> Outcome {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    let mut guest = Guest::new(&Library::open(None)?);
    let mut segment = Segment {
        peer: (GATEWAY, port),
        port: 4001,
        sequence: 1,
        acknowledgement: 0,
        flags: SYN,
        payload: Vec::new(),
    };
    guest.send(&segment);
    segment = guest.segment(RST);
    assert_eq!((segment.peer, segment.port), ((GATEWAY, port), 4001));
    Ok(())
}

/// A guest that goes on writing to a connection that its peer closed does not end a program that left SIGPIPE as it is
/// in C.
fn closed_connection() -> Outcome {
    let output = Command::new(env::current_exe()?)
        .env(WRITE_TO_CLOSED, "")
        .output()?;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"alive\n");
    Ok(())
}

pub(crate) fn write_to_closed() -> ExitCode {
    signals::die_of_broken_pipes();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("bound").port();
    let mut guest = Guest::new(&Library::open(None).expect("libslirp"));
    let mut segment = guest.connect(4000, (GATEWAY, port));
    drop(listener.accept().expect("the guest's connection"));
    segment.acknowledgement = guest.segment(FIN).sequence + 1;
    segment.flags = ACK | PSH;
    segment.payload = b"x".to_vec();
    // The first is answered with a reset, soon; the next goes nowhere.
    for _ in 0..50 {
        guest.send(&segment);
        segment.sequence += 1;
        thread::sleep(Duration::from_millis(1));
    }
    println!("alive");
    ExitCode::SUCCESS
}

fn datagrams() -> Outcome {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    server.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut guest = Guest::new(&Library::open(None)?);
    let port = server.local_addr()?.port();
    guest
        .instance
        .input(&udp_frame(5000, (GATEWAY, port), b"ping"));
    let mut buffer = [0; 64];
    let (length, from) = server.recv_from(&mut buffer)?;
    assert_eq!(&buffer[..length], b"ping");
    server.send_to(b"pong", from)?;
    guest.expect(|frame| (udp_payload(frame)? == b"pong").then_some(()));
    let [socket] = guest.instance.host().registered[..] else {
        return Err(format!("{:?}", guest.instance.host()).into());
    };
    let payload = b"by the way";
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    assert_eq!(sockets::send_to(socket, payload, to)?, payload.len());
    let (length, again) = server.recv_from(&mut buffer)?;
    assert_eq!((&buffer[..length], again), (&payload[..], from));
    Ok(())
}

/// A host that panics makes everything stop, and takes nothing down.
fn panic_in_a_callback() -> Outcome {
    let library = Library::open(None)?;
    let mut instance = Instance::new(&library, &settings(), Recorder::default())?;
    instance.host_mut().panics = true;
    assert!(!instance.has_panicked());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    instance.input(&arp_request(GATEWAY));
    std::panic::set_hook(hook);
    assert!(instance.has_panicked());
    instance.host_mut().panics = false;
    instance.input(&arp_request(GATEWAY));
    instance.run_timers(Instant::now() + Duration::from_secs(3600));
    assert_eq!(instance.fill(77), 77);
    instance.poll(false);
    assert_eq!(instance.connection_info(), None);
    let refused = instance.add_command("10.0.2.4:7".parse()?, c"cat");
    assert!(refused.is_err());
    assert!(instance.host().frames.is_empty());
    // Others go on.
    let mut instance = Instance::new(&library, &settings(), Recorder::default())?;
    instance.input(&arp_request(GATEWAY));
    assert_eq!(instance.host().frames.len(), 1);
    Ok(())
}

fn drop_closes() -> Outcome {
    let descriptors = || fs::File::open("/dev/null").map(|file| file.as_raw_fd());
    let open = || fs::read_dir("/dev/fd").map(Iterator::count);
    let library = Library::open(None)?;
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // What libraries open once and keep is open after the first round.
    let mut before = None;
    for _ in 0..20 {
        let mut guest = Guest::new(&library);
        let host = HostAddress::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let inside = SocketAddr::from((GUEST, 80));
        for udp in [false, true] {
            guest.instance.add_host_forward(udp, &host, inside, false)?;
        }
        let port = server.local_addr()?.port();
        guest
            .instance
            .input(&udp_frame(5000, (GATEWAY, port), b"ping"));
        guest.connect(4000, (GATEWAY, listener.local_addr()?.port()));
        assert!(guest.instance.host().registered.len() >= 2);
        assert!(guest.wanted().len() >= 4);
        drop(guest);
        drop(listener.accept()?);
        let now = (descriptors()?, open()?);
        assert_eq!(*before.get_or_insert(now), now);
    }
    Ok(())
}

/// Two networks and eight threads, which make and drop networks of their own meanwhile: libslirp's variables are
/// shared by all.
fn threads() -> Outcome {
    let library = Library::open(None)?;
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = server.local_addr()?.port();
    let shared: [Mutex<Guest>; 2] = [(); 2].map(|()| Mutex::new(Guest::new(&library)));
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for number in 0..8_u16 {
            let (library, shared, barrier) = (Arc::clone(&library), &shared, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..300_u16 {
                    let shared = &shared[usize::from((number + round) % 2)];
                    let mut guest = shared.lock().expect("no thread panics");
                    let before = guest.instance.host().frames.len();
                    guest.instance.input(&arp_request(GATEWAY));
                    assert_eq!(guest.instance.host().frames.len(), before + 1);
                    let from = 6000 + number;
                    guest
                        .instance
                        .input(&udp_frame(from, (GATEWAY, port), b"ping"));
                    guest.wanted();
                    guest.instance.poll(round % 3 == 0);
                    guest.instance.host_mut().frames.clear();
                    drop(guest);
                    if round % 10 == 0 {
                        Guest::new(&library).instance.input(&dhcp_discover());
                    }
                }
            });
        }
    });
    for guest in shared {
        let mut guest = guest.into_inner().expect("no thread panicked");
        assert!(!guest.instance.has_panicked());
        assert_eq!(guest.wanted().len(), 8, "a socket for each guest's port");
    }
    Ok(())
}
