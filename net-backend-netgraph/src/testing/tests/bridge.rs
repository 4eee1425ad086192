//! Nodes of type bridge: sys/netgraph/ng_bridge.c.

use super::*;

/// A bridge `nbm-br` with a program at each of these links.
fn bridge<const N: usize>(world: &World, links: [&str; N]) -> [Far; N] {
    let mut is_first = true;
    links.map(|link| {
        let mut far = world.far();
        if is_first {
            far.make_peer(".:", "bridge", "a", link).unwrap();
            far.name_node("a", "nbm-br").unwrap();
        } else {
            far.connect(".:", "nbm-br:", "a", link).unwrap();
        }
        is_first = false;
        far
    })
}

/// The hosts of the bridge: last byte of the address, and link.
fn table(far: &mut Far) -> Vec<(u8, String)> {
    let table = far.ask("nbm-br:", cookie::BRIDGE, 7, &[]).unwrap();
    let count = number(&table, 0).unwrap() as usize;
    assert_eq!(table.len(), 4 + count * 42);
    let hosts = table[4..].chunks_exact(42);
    let mut hosts: Vec<_> = hosts.map(|host| (host[5], text(host, 6))).collect();
    hosts.sort();
    hosts
}

/// `struct ng_bridge_link_stats`.
fn stats(far: &mut Far, command: u32, link: i32) -> io::Result<[u64; 14]> {
    let stats = far.ask("nbm-br:", cookie::BRIDGE, command, &link.to_ne_bytes())?;
    assert_eq!(stats.len(), 112);
    let mut values = stats.chunks_exact(8);
    Ok([0; 14].map(|_| u64::from_ne_bytes(values.next().unwrap().try_into().unwrap())))
}

// ng_bridge_rcvdata, ng_bridge_put
#[test]
fn hosts_are_learned() {
    on_both(|world| {
        let [mut a, b, c] = bridge(world, ["link0", "link7", "link2147483647"]);
        a.send(None, &frame(2, 1, 60)).unwrap();
        assert_eq!(receive(&b), frame(2, 1, 60));
        assert_eq!(receive(&c), frame(2, 1, 60));
        eventually(|| (table(&mut a).len() == 1).then_some(()));
        b.send(None, &frame(1, 2, 61)).unwrap();
        assert_eq!(receive(&a), frame(1, 2, 61));
        eventually(|| (table(&mut a).len() == 2).then_some(()));
        a.send(None, &frame(2, 1, 62)).unwrap();
        assert_eq!(receive(&b), frame(2, 1, 62));
        // A host behind the same link.
        a.send(None, &frame(1, 1, 62)).unwrap();
        nothing(&c);
        nothing(&a);
        let hosts = [(1, "link0".to_owned()), (2, "link7".to_owned())];
        assert_eq!(table(&mut a), hosts);
        a.tell("nbm-br:", cookie::BRIDGE, 3, &[]).unwrap();
        assert_eq!(table(&mut a), []);
    });
}

// ng_bridge_rcvdata: runts, group addresses as source
#[test]
fn frames_that_are_none_are_refused() {
    on_both(|world| {
        let [mut a, b] = bridge(world, ["link0", "link1"]);
        refused(a.send(None, &frame(2, 1, 13)), Errno::INVAL);
        let mut wrong = frame(2, 1, 60);
        wrong[6] = 3;
        refused(a.send(None, &wrong), Errno::INVAL);
        nothing(&b);
        let stats = stats(&mut a, 4, 0).unwrap();
        assert_eq!((stats[5], stats[6], stats[1]), (1, 1, 0));
    });
}

// NGM_BRIDGE_GET_STATS and its like
#[test]
fn frames_are_counted() {
    on_both(|world| {
        let [mut a, b] = bridge(world, ["link0", "link1"]);
        let mut all = frame(2, 1, 60);
        all[..6].fill(0xff);
        let mut group = frame(2, 1, 61);
        group[0] = 1;
        for frame in [&all, &group, &frame(2, 1, 62)] {
            a.send(None, frame).unwrap();
            assert_eq!(receive(&b), *frame);
        }
        let received = [183, 3, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(stats(&mut a, 4, 0).unwrap(), received);
        let sent = [0, 0, 0, 0, 0, 0, 0, 183, 3, 1, 1, 0, 0, 0];
        assert_eq!(stats(&mut a, 6, 1).unwrap(), sent);
        assert_eq!(stats(&mut a, 4, 1).unwrap(), [0; 14]);
        a.tell("nbm-br:", cookie::BRIDGE, 5, &0_u32.to_ne_bytes())
            .unwrap();
        assert_eq!(stats(&mut a, 4, 0).unwrap(), [0; 14]);
        refused(stats(&mut a, 4, 2), Errno::NOTCONN);
        refused(stats(&mut a, 4, -1), Errno::NOTCONN);
        refused(a.tell("nbm-br:", cookie::BRIDGE, 4, &[0; 8]), Errno::INVAL);
        refused(a.tell("nbm-br:", cookie::BRIDGE, 99, &[]), Errno::INVAL);
        refused(a.tell("nbm-br:", cookie::HUB, 1, &[]), Errno::INVAL);
    });
}

// ng_bridge_send_ctx: one link's failure is no other's
#[test]
fn a_full_link_keeps_no_other_from_receiving() {
    on_both(|world| {
        let [a, b, c, d] = bridge(world, ["link0", "link1", "link2", "link3"]);
        let mut all = frame(2, 1, 1514);
        all[..6].fill(0xff);
        while a.send(None, &all).is_ok() {}
        for far in [&b, &d] {
            while far.receive().is_ok() {}
        }
        refused(a.send(None, &all), Errno::NOBUFS);
        assert_eq!(receive(&b), all);
        assert_eq!(receive(&d), all);
        while c.receive().is_ok() {}
        a.send(None, &all).unwrap();
        assert_eq!(receive(&c), all);
    });
}

// ng_bridge_newhook
#[test]
fn links_have_numbers() {
    on_both(|world| {
        let [mut a] = bridge(world, ["link0"]);
        for name in [
            "link01",
            "link-1",
            "link4294967296",
            "linkx",
            "link1x",
            "uplink0",
            "ulink1",
            "x",
        ] {
            refused(a.connect(".:", "nbm-br:", "b", name), Errno::INVAL);
        }
        refused(a.connect(".:", "nbm-br:", "b", "link0"), Errno::EXIST);
        a.connect(".:", "nbm-br:", "b", "uplink1").unwrap();
        a.connect(".:", "nbm-br:", "c", "uplink2147483647").unwrap();
        stats(&mut a, 4, -1).unwrap();
        assert_eq!(info(&mut a, "nbm-br:").2, 3);
    });
}

// ng_bridge_newhook: "switch to restrictive mode"
#[test]
fn with_an_uplink_first_unknown_hosts_are_behind_it() {
    on_both(|world| {
        let [up, a, b] = bridge(world, ["uplink1", "link1", "link2"]);
        a.send(None, &frame(9, 1, 60)).unwrap();
        assert_eq!(receive(&up), frame(9, 1, 60));
        nothing(&b);
        let mut up = up;
        eventually(|| (table(&mut up).len() == 1).then_some(()));
        // Uplinks learn nothing.
        up.send(None, &frame(1, 9, 60)).unwrap();
        assert_eq!(receive(&a), frame(1, 9, 60));
        assert_eq!(table(&mut up), [(1, "link1".to_owned())]);
        up.send(None, &frame(7, 9, 60)).unwrap();
        nothing(&a);
        nothing(&b);
    });
}

// ng_bridge_disconnect, NGM_BRIDGE_SET_PERSISTENT
#[test]
fn a_bridge_goes_with_its_last_link_unless_it_is_persistent() {
    on_both(|world| {
        let mut watcher = world.far();
        let [a, b] = bridge(world, ["link0", "link1"]);
        drop(a);
        eventually(|| (info(&mut watcher, "nbm-br:").2 == 1).then_some(()));
        drop(b);
        gone(&mut watcher, "nbm-br:");
        let [mut a] = bridge(world, ["link0"]);
        a.tell("nbm-br:", cookie::BRIDGE, 8, &[]).unwrap();
        drop(a);
        eventually(|| (info(&mut watcher, "nbm-br:").2 == 0).then_some(()));
        assert_eq!(info(&mut watcher, "nbm-br:").1, "bridge");
        watcher.shut_down("nbm-br:").unwrap();
        gone(&mut watcher, "nbm-br:");
    });
}

// NGM_BRIDGE_GET_CONFIG, NGM_BRIDGE_SET_CONFIG
#[test]
fn bridges_are_configured() {
    on_both(|world| {
        let [mut a] = bridge(world, ["link0"]);
        let config = |level: u32, times: [u32; 3]| {
            let mut bytes = level.to_le_bytes().to_vec();
            bytes.extend(times.map(u32::to_ne_bytes).concat());
            bytes
        };
        let found = a.ask("nbm-br:", cookie::BRIDGE, 2, &[]).unwrap();
        assert_eq!(found, config(1, [60, 900, 1]));
        a.tell("nbm-br:", cookie::BRIDGE, 1, &config(0, [5, 6, 7]))
            .unwrap();
        let found = a.ask("nbm-br:", cookie::BRIDGE, 2, &[]).unwrap();
        assert_eq!(found, config(0, [5, 6, 7]));
        refused(a.tell("nbm-br:", cookie::BRIDGE, 1, &[0; 13]), Errno::INVAL);
    });
}

// ng_bridge_put: a host that moves too soon is a loop
#[test]
fn loops_mute_a_link() {
    on_both(|world| {
        let [mut a, b, c] = bridge(world, ["link0", "link1", "link2"]);
        let config = [
            1_u32.to_le_bytes(),
            [60, 0, 0, 0],
            [0, 16, 0, 0],
            [255, 0, 0, 0],
        ];
        a.tell("nbm-br:", cookie::BRIDGE, 1, &config.concat())
            .unwrap();
        a.send(None, &frame(9, 1, 60)).unwrap();
        eventually(|| (table(&mut a).len() == 1).then_some(()));
        refused(b.send(None, &frame(9, 1, 60)), Errno::LOOP);
        eventually(|| (stats(&mut a, 4, 1).unwrap()[12] == 1).then_some(()));
        // Now also for other hosts.
        refused(b.send(None, &frame(9, 2, 60)), Errno::LOOP);
        let stats = stats(&mut a, 4, 1).unwrap();
        assert_eq!((stats[1], stats[11], stats[12]), (1, 2, 1));
        assert_eq!(table(&mut a), [(1, "link0".to_owned())]);
        c.send(None, &frame(9, 3, 60)).unwrap();
        if let World::Model(model) = world {
            model.elapse(Duration::from_secs(61));
            b.send(None, &frame(9, 2, 60)).unwrap();
        }
    });
}

// NGM_BRIDGE_MOVE_HOST
#[test]
fn hosts_are_moved() {
    on_both(|world| {
        let [mut a, _b] = bridge(world, ["link0", "link1"]);
        let mut host = vec![2, 0, 0, 0, 0, 5];
        host.extend(super::super::message::field(b"link1", NAME));
        a.tell("nbm-br:", cookie::BRIDGE, 9, &host).unwrap();
        assert_eq!(table(&mut a), [(5, "link1".to_owned())]);
        host[5] = 6;
        host[6] = 0;
        // Without a name, the link that the message came by.
        a.tell("a", cookie::BRIDGE, 9, &host).unwrap();
        assert_eq!(table(&mut a)[1], (6, "link0".to_owned()));
        refused(a.tell("nbm-br:", cookie::BRIDGE, 9, &host), Errno::NOENT);
        host[6] = b'x';
        refused(a.tell("nbm-br:", cookie::BRIDGE, 9, &host), Errno::NOENT);
        refused(
            a.tell("nbm-br:", cookie::BRIDGE, 9, &host[1..]),
            Errno::INVAL,
        );
    });
}

// ng_bridge_newhook: "auto-assign and update hook name"
#[test]
fn since_freebsd_15_bridges_number_links() {
    on_both(|world| {
        let [mut a] = bridge(world, ["link1"]);
        if let World::Model(model) = world {
            model.configure(|settings| settings.release = 14);
            refused(a.connect(".:", "nbm-br:", "b", "link"), Errno::INVAL);
            model.configure(|settings| settings.release = 15);
        }
        match a.connect(".:", "nbm-br:", "b", "link") {
            Ok(()) => {}
            Err(error) => {
                println!("links are numbered by hand: {error}");
                return;
            }
        }
        for (ours, theirs) in [("c", "link"), ("d", "uplink"), ("e", "uplink")] {
            a.connect(".:", "nbm-br:", ours, theirs).unwrap();
        }
        let mut found: Vec<_> = hooks(&mut a, ".:")
            .into_iter()
            .map(|[ours, theirs, ..]| [ours, theirs])
            .collect();
        found.sort();
        let expected = [
            ["a", "link1"],
            ["b", "link0"],
            ["c", "link2"],
            ["d", "uplink1"],
            ["e", "uplink2"],
        ];
        assert_eq!(found, expected.map(|pair| pair.map(str::to_owned)));
        a.make_peer(".:", "bridge", "f", "link").unwrap();
        assert_eq!(hooks(&mut a, ".:")[0][1], "link0");
    });
}
