//! Sockets and their nodes: sys/netgraph/ng_socket.c.

use std::time::Duration;

use super::*;

// ngd_send, sosend_generic: SS_ISCONNECTED
#[test]
fn without_a_hook_nothing_is_sent() {
    on_both(|world| {
        let mut far = world.far();
        refused(far.send(None, &frame(1, 2, 60)), Errno::DESTADDRREQ);
        far.make_peer(".:", "hub", "a", "x").unwrap();
        far.send(None, &frame(1, 2, 60)).unwrap();
        // With two hooks it has to say which.
        far.connect(".:", "a", "b", "y").unwrap();
        refused(far.send(None, &frame(1, 2, 60)), Errno::DESTADDRREQ);
        far.remove_hook(".:", "b").unwrap();
        far.send(None, &frame(1, 2, 60)).unwrap();
        // The hook of another name is none.
        if let World::Model(_) = world {
            refused(far.send(Some("b"), &frame(1, 2, 60)), Errno::HOSTUNREACH);
            far.send(Some("a"), &frame(1, 2, 60)).unwrap();
            refused(
                far.send(Some(&"a".repeat(32)), &frame(1, 2, 60)),
                Errno::INVAL,
            );
        }
    });
}

// sosend_generic: a socket that joined its node after the hook was there is not connected
#[test]
fn a_socket_that_comes_after_the_hook_cannot_write() {
    on_both(|world| {
        let first = world.far();
        let number = first.id();
        let control = first.without_data();
        let mut far = world.far();
        far.connect(".:", &format!("[{number:x}]:"), "here", "there")
            .unwrap();
        let late = world.kernel().data().unwrap();
        late.connect(&format!("[{number:x}]:")).unwrap();
        let mut buffer = [0; 64];
        refused(control.receive(&mut buffer), Errno::AGAIN);
        far.send(None, &frame(1, 2, 60)).unwrap();
        let mut into = [net_backend_core::RxSlice::new(&mut buffer)];
        let length = crate::sys::socket::receive(late.descriptor(), &mut into).unwrap();
        assert_eq!(length, 60);
        if let World::Model(model) = world {
            let plug = model.plug(late.descriptor());
            assert_eq!(plug.send(None, &frame(1, 2, 60)), Err(Errno::DESTADDRREQ));
            plug.send(Some("there"), &frame(1, 2, 60)).unwrap();
        }
    });
}

// sosend_generic: EMSGSIZE
#[test]
fn no_frame_is_longer_than_the_send_buffer() {
    on_both(|world| {
        let mut far = world.far();
        far.make_peer(".:", "hole", "a", "x").unwrap();
        far.send(None, &frame(1, 2, 20 << 10)).unwrap();
        refused(far.send(None, &frame(1, 2, (20 << 10) + 1)), Errno::MSGSIZE);
        far.set_buffers(70_000, 0).unwrap();
        far.send(None, &frame(1, 2, 70_000)).unwrap();
        refused(far.send(None, &frame(1, 2, 70_001)), Errno::MSGSIZE);
    });
}

// sbreserve_locked
#[test]
fn buffers_have_a_limit() {
    on_both(|world| {
        let far = world.far();
        let most = world.kernel().socket_buffer_limit().unwrap();
        let most = usize::try_from(most).unwrap();
        refused(far.set_buffers(most, 0), Errno::NOBUFS);
        refused(far.set_buffers(0, most), Errno::NOBUFS);
        let most = most / 2304 * 2048;
        far.set_buffers(most, most).unwrap();
    });
}

// ngs_rcvdata: sbappendaddr_locked
#[test]
fn a_full_receiver_is_told_to_the_sender() {
    on_both(|world| {
        for (length, expected) in [(60, 320), (1514, 13), (9000, 2)] {
            let mut far = world.far();
            let other = world.far();
            let number = other.id();
            far.connect(".:", &format!("[{number:x}]:"), "a", "b")
                .unwrap();
            let fits = (0..1000)
                .position(|_| far.send(None, &frame(1, 2, length)).is_err())
                .unwrap();
            refused(far.send(None, &frame(1, 2, length)), Errno::NOBUFS);
            // As it was counted on amd64; other kernels may have other mbufs.
            println!("{fits} frames of {length} bytes fit");
            if let World::Model(_) = world {
                assert_eq!(fits, expected);
            }
            for _ in 0..fits {
                assert_eq!(receive(&other).len(), length);
            }
            nothing(&other);
            far.send(None, &frame(1, 2, length)).unwrap();
        }
    });
}

// ngs_rcvdata: "If there is no data socket, black-hole it."
#[test]
fn without_a_data_socket_frames_vanish() {
    on_both(|world| {
        let other = world.far();
        let number = other.id();
        let _control = other.without_data();
        let mut far = world.far();
        far.connect(".:", &format!("[{number:x}]:"), "a", "b")
            .unwrap();
        for _ in 0..1000 {
            far.send(None, &frame(1, 2, 1514)).unwrap();
        }
    });
}

// ng_connect_data
#[test]
fn data_sockets_join_one_node_of_type_socket() {
    on_both(|world| {
        let mut far = world.far();
        let (data, here) = (world.kernel().data().unwrap(), format!("[{:x}]:", far.id()));
        refused(data.connect("nbm-none:"), Errno::NOENT);
        refused(data.connect(&here), Errno::ADDRINUSE);
        // A kernel looks at a node that is none (ng_name2noderef), and panics.
        if let World::Model(_) = world {
            refused(data.connect(".:"), Errno::INVAL);
        }
        far.make_peer(".:", "hub", "a", "x").unwrap();
        far.name_node("a", "nbm-hub").unwrap();
        refused(data.connect("nbm-hub:"), Errno::INVAL);
        let other = world.kernel().control().unwrap();
        other.bind("nbm-other").unwrap();
        data.connect("nbm-other:").unwrap();
        refused(data.connect("nbm-other:"), Errno::ISCONN);
    });
}

// ng_detach_common, ng_socket_free_priv: the last of both
#[test]
fn a_node_lives_as_long_as_one_of_its_sockets() {
    on_both(|world| {
        let mut watcher = world.far();
        let mut first = world.far();
        first.name("nbm-first").unwrap();
        let data = first.without_control();
        assert_eq!(
            info(&mut watcher, "nbm-first:"),
            ("nbm-first".into(), "socket".into(), 0)
        );
        // ngs_rcvmsg: nobody there to take it.
        refused(watcher.tell("nbm-first:", 1, 1, &[]), Errno::INVAL);
        drop(data);
        gone(&mut watcher, "nbm-first:");
        let mut second = world.far();
        second.name("nbm-second").unwrap();
        let control = second.without_data();
        assert_eq!(info(&mut watcher, "nbm-second:").1, "socket");
        drop(control);
        gone(&mut watcher, "nbm-second:");
    });
}

// ngs_disconnect with NGS_FLAG_NOLINGER, ngs_shutdown
#[test]
fn with_nolinger_the_node_goes_with_its_last_hook() {
    on_both(|world| {
        let mut far = world.far();
        let mut other = world.far();
        let there = format!("[{:x}]:", other.id());
        refused(far.tell(".:", cookie::SOCKET, 3, &[]), Errno::INVAL);
        far.tell(".:", cookie::SOCKET, 1, &[]).unwrap();
        far.connect(".:", &there, "a", "b").unwrap();
        other.send(None, &frame(1, 2, 60)).unwrap();
        other.remove_hook(".:", "b").unwrap();
        // What waits comes before the end.
        assert_eq!(receive(&far), frame(1, 2, 60));
        eventually(|| {
            let error = far.receive().err()?;
            (Errno::from_io_error(&error) == Some(Errno::NOTCONN)).then_some(())
        });
        refused(far.send(None, &frame(1, 2, 60)), Errno::PIPE);
        refused(far.tell(".:", cookie::SOCKET, 1, &[]), Errno::PIPE);
        assert!(far.control().wait(Duration::ZERO).unwrap());
        assert_eq!(far.next_message().unwrap(), None);
        // Without, it stays.
        other.make_peer(".:", "hub", "b", "x").unwrap();
        other.remove_hook(".:", "b").unwrap();
        refused(other.send(None, &frame(1, 2, 60)), Errno::DESTADDRREQ);
        nothing(&other);
    });
}

// ng_con_part2 destroys the hook of the first node again
#[test]
fn a_connection_that_fails_costs_a_node_with_nolinger_its_life() {
    on_both(|world| {
        let mut far = world.far();
        let mut watcher = world.far();
        watcher.make_peer(".:", "bridge", "a", "link0").unwrap();
        watcher.name_node("a", "nbm-br").unwrap();
        far.name("nbm-short").unwrap();
        // Without NOLINGER, it can be tried again.
        refused(far.connect(".:", "nbm-br:", "a", "nolink"), Errno::INVAL);
        refused(far.connect(".:", "nbm-br:", "a", "link0"), Errno::EXIST);
        assert_eq!(info(&mut watcher, "nbm-short:").2, 0);
        far.tell(".:", cookie::SOCKET, 1, &[]).unwrap();
        // EEXIST is found before there is a hook.
        refused(far.connect(".:", "nbm-br:", "a", "link0"), Errno::EXIST);
        refused(far.connect(".:", "nbm-br:", "a", "nolink"), Errno::INVAL);
        gone(&mut watcher, "nbm-short:");
    });
}

// ng_bind, ng_name_node
#[test]
fn names_are_taken_once() {
    on_both(|world| {
        let (mut one, mut other) = (world.far(), world.far());
        one.name("nbm-name").unwrap();
        refused(other.name("nbm-name"), Errno::ADDRINUSE);
        // Since FreeBSD 15 this is no change.
        match world {
            World::Model(model) => {
                one.name("nbm-name").unwrap();
                model.configure(|settings| settings.release = 14);
                refused(one.name("nbm-name"), Errno::ADDRINUSE);
            }
            World::System => {
                let again = one.name("nbm-name");
                println!("the same name again: {again:?}");
            }
        }
        for name in ["nbm.name", "nbm:name", "[1f]"] {
            refused(other.name(name), Errno::INVAL);
        }
        // These are no numbers.
        for name in ["[1g]", "[0]", "[]", "[nbm", &"n".repeat(31)] {
            other.name(name).unwrap();
        }
        one.name("nbm-renamed").unwrap();
        other.name("nbm-name").unwrap();
        assert_eq!(info(&mut one, "nbm-name:").1, "socket");
    });
}

// ngc_send
#[test]
fn what_is_no_message_is_refused() {
    on_both(|world| {
        let far = world.far();
        let mut message =
            super::super::message::Message::new(cookie::GENERIC, NODE_INFO, Vec::new()).bytes();
        far.tell_bytes(".:", &message).unwrap();
        // Addresses are at most 32 bytes.
        refused(far.tell_bytes(&"a".repeat(33), &message), Errno::INVAL);
        refused(far.tell_bytes(&"a".repeat(32), &message), Errno::NOENT);
        message[0] = 7;
        refused(far.tell_bytes(".:", &message), Errno::INVAL);
        message[0] = 8;
        message.resize((20 << 10) + 1, 0);
        refused(far.tell_bytes(".:", &message), Errno::MSGSIZE);
    });
}

// NG_RESPOND_MSG, ngs_rcvmsg: sbappendaddr_locked
#[test]
fn an_answer_that_does_not_fit_is_an_error() {
    on_both(|world| {
        let far = world.far();
        let ask =
            super::super::message::Message::new(cookie::GENERIC, NODE_INFO, Vec::new()).bytes();
        let fits = (0..1000)
            .position(|_| far.tell_bytes(".:", &ask).is_err())
            .unwrap();
        assert_eq!(fits, 126);
        refused(far.tell_bytes(".:", &ask), Errno::NOBUFS);
        let mut buffer = [0; 256];
        let (length, from) = far.control().receive(&mut buffer).unwrap();
        assert_eq!((length, from), (128, format!("[{:x}]:", far.id())));
        far.tell_bytes(".:", &ask).unwrap();
    });
}
