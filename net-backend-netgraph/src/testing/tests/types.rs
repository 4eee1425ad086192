//! Nodes of other types.

use super::*;

// ng_hub_rcvdata, ng_hub_disconnect
#[test]
fn hubs_repeat() {
    on_both(|world| {
        let (mut a, mut b, mut c) = (world.far(), world.far(), world.far());
        a.make_peer(".:", "hub", "a", "x").unwrap();
        a.name_node("a", "nbm-hub").unwrap();
        // Alone, into the void.
        a.send(None, &frame(1, 2, 60)).unwrap();
        b.connect(".:", "nbm-hub:", "b", "any name").unwrap();
        c.connect(".:", "nbm-hub:", "c", "link0").unwrap();
        a.send(None, b"short").unwrap();
        assert_eq!(receive(&b), b"short");
        assert_eq!(receive(&c), b"short");
        nothing(&a);
        refused(a.tell("nbm-hub:", cookie::HUB, 2, &[]), Errno::INVAL);
        a.tell("nbm-hub:", cookie::HUB, 1, &[]).unwrap();
        drop((a, b));
        c.remove_hook(".:", "c").unwrap();
        eventually(|| (info(&mut c, "nbm-hub:").2 == 0).then_some(()));
        c.shut_down("nbm-hub:").unwrap();
    });
}

// nge_rcvdata, nge_rcvmsg
#[test]
fn echoes_answer() {
    on_both(|world| {
        let mut far = world.far();
        far.make_peer(".:", "echo", "a", "x").unwrap();
        far.send(None, &frame(1, 2, 60)).unwrap();
        assert_eq!(receive(&far), frame(1, 2, 60));
        assert_eq!(far.ask("a", 4711, 12, b"who").unwrap(), b"who");
        far.set_buffers(0, 4096).unwrap();
        while far.send(None, &frame(1, 2, 1514)).is_ok() {}
        refused(far.send(None, &frame(1, 2, 1514)), Errno::NOBUFS);
    });
}

// ng_eiface_newhook, ng_eiface_rcvmsg, ng_eiface_rcvdata
#[test]
fn interfaces_are_made() {
    on_both(|world| {
        let mut far = world.far();
        far.make_peer(".:", "eiface", "a", "ether").unwrap();
        let (name, kind, _) = info(&mut far, "a");
        assert_eq!((&name[..5], kind.as_str()), ("ngeth", "eiface"));
        assert!(world.kernel().has_interface(&name));
        assert!(!world.kernel().has_interface("nbm-none"));
        let answer = far.ask("a", cookie::EIFACE, 1, &[]).unwrap();
        assert_eq!((answer.len(), text(&answer, 0)), (16, name.clone()));
        far.tell("a", cookie::EIFACE, 3, &[2, 0, 0, 0, 0, 7])
            .unwrap();
        refused(far.tell("a", cookie::EIFACE, 3, &[2; 5]), Errno::INVAL);
        let addresses = far.ask("a", cookie::EIFACE, 2, &[]).unwrap();
        assert_eq!(
            (
                addresses.len(),
                addresses[0],
                addresses[1],
                addresses[4],
                addresses[6]
            ),
            (56, 56, 18, 6, 6)
        );
        let start = 8 + usize::from(addresses[5]);
        assert_eq!(addresses[8..start], *name.as_bytes());
        assert_eq!(addresses[start..start + 6], [2, 0, 0, 0, 0, 7]);
        refused(far.tell("a", cookie::EIFACE, 99, &[]), Errno::INVAL);
        refused(far.send(None, &frame(1, 2, 60)), Errno::NETDOWN);
        let at = format!("{name}:");
        refused(far.connect(".:", &at, "b", "ether"), Errno::EXIST);
        refused(far.connect(".:", &at, "b", "other"), Errno::PFNOSUPPORT);
        // It stays without its hook.
        far.remove_hook(".:", "a").unwrap();
        eventually(|| (info(&mut far, &at).2 == 0).then_some(()));
        far.shut_down(&at).unwrap();
        gone(&mut far, &at);
        eventually(|| (!world.kernel().has_interface(&name)).then_some(()));
    });
}

// ng_device_newhook, ng_device_rcvmsg, ng_device_disconnect
#[test]
fn devices_are_made() {
    on_both(|world| {
        let mut far = world.far();
        far.make_peer(".:", "device", "a", "x").unwrap();
        let answer = far.ask("a", cookie::DEVICE, 0, &[]).unwrap();
        assert_eq!(answer.len(), 7);
        let name = text(&answer, 0);
        assert_eq!(&name[..3], "ngd");
        refused(far.connect(".:", "a", "b", "y"), Errno::ISCONN);
        refused(far.tell("a", cookie::DEVICE, 9, &[]), Errno::INVAL);
        let path = format!("/dev/{name}");
        let device = match world.kernel().device(&path) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                println!("skipped: this kernel has no kqueue(2) for devices");
                return;
            }
            device => device.unwrap(),
        };
        let fits = (0..100_000)
            .position(|_| far.send(None, &frame(1, 2, 60)).is_err())
            .unwrap();
        assert_eq!(fits, 50);
        refused(far.send(None, &frame(1, 2, 60)), Errno::NOBUFS);
        device.drain();
        far.send(None, &frame(1, 2, 60)).unwrap();
        drop(device);
        far.remove_hook(".:", "a").unwrap();
        eventually(|| world.kernel().device(&path).err());
        refused(world.kernel().device("/dev/ngd999"), Errno::NOENT);
    });
}
