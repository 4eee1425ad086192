//! Messages that all nodes understand: sys/netgraph/ng_base.c.

use super::*;

// ng_path2noderef, ng_path_parse
#[test]
fn paths_lead_to_nodes() {
    on_both(|world| {
        let mut far = world.far();
        far.make_peer(".:", "hub", "a", "x").unwrap();
        far.make_peer("a", "hub", "b", "y").unwrap();
        far.name_node("a.b", "nbm-second").unwrap();
        let here = format!("[{:x}]:", far.id());
        for path in [".:", ".", &here, ".:a.x", "a.x", ".a.x.", "nbm-second:y.x"] {
            assert_eq!(info(&mut far, path).1, "socket", "{path:?}");
        }
        assert_eq!(info(&mut far, "a.b").0, "nbm-second");
        for path in [
            "nbm-none:",
            "b",
            "a.none",
            "[7fffffff]:",
            "[1g]:",
            "a.b.none",
        ] {
            refused(far.ask(path, cookie::GENERIC, NODE_INFO, &[]), Errno::NOENT);
        }
        for path in ["a..b", ":a", "a:b:", "a.b:", ".:a:"] {
            refused(far.ask(path, cookie::GENERIC, NODE_INFO, &[]), Errno::INVAL);
        }
        // Two hubs that have each other would stay.
        far.shut_down("a.b").unwrap();
    });
}

// ng_mkpeer, ng_make_node, ng_add_hook
#[test]
fn nodes_are_made() {
    on_both(|world| {
        let mut far = world.far();
        far.make_peer(".:", "hub", "a", "x").unwrap();
        assert_eq!(info(&mut far, "a"), (String::new(), "hub".into(), 1));
        let expected = ["a", "x", "", "hub"].map(str::to_owned);
        assert_eq!(hooks(&mut far, ".:"), [expected]);
        // The name is taken: the node that was made is removed again.
        refused(far.make_peer(".:", "hub", "a", "x"), Errno::EXIST);
        // The node that was made does not want such a hook.
        refused(far.make_peer(".:", "bridge", "b", "nolink"), Errno::INVAL);
        refused(far.make_peer(".:", "eiface", "b", "x"), Errno::PFNOSUPPORT);
        refused(far.make_peer(".:", "socket", "b", "x"), Errno::INVAL);
        refused(far.make_peer(".:", "nbm_none", "b", "x"), Errno::NOENT);
        assert_eq!(info(&mut far, ".:").2, 1);
        refused(far.tell(".:", cookie::GENERIC, 2, &[0; 95]), Errno::NOENT);
        let mut arguments = vec![0; 97];
        arguments[..3].copy_from_slice(b"hub");
        refused(far.tell(".:", cookie::GENERIC, 2, &arguments), Errno::INVAL);
    });
}

// ng_con_nodes, ng_con_part2
#[test]
fn nodes_are_connected() {
    on_both(|world| {
        let (mut far, mut other) = (world.far(), world.far());
        other.name("nbm-other").unwrap();
        far.connect(".:", "nbm-other:", "a", "b").unwrap();
        let expected = ["a", "b", "nbm-other", "socket"].map(str::to_owned);
        assert_eq!(hooks(&mut far, ".:"), [expected]);
        refused(far.connect(".:", "nbm-other:", "c", "b"), Errno::EXIST);
        refused(far.connect(".:", "nbm-other:", "a", "d"), Errno::EXIST);
        refused(far.connect(".:", "nbm-none:", "c", "d"), Errno::NOENT);
        refused(far.connect(".:", "c", "c", "d"), Errno::NOENT);
        refused(far.connect(".:", "a..b", "c", "d"), Errno::INVAL);
        refused(far.tell(".:", cookie::GENERIC, 3, &[0; 575]), Errno::INVAL);
        // The youngest hook is the first of the list.
        far.connect(".:", "nbm-other:", "c", "d").unwrap();
        let names: Vec<_> = hooks(&mut far, ".:")
            .into_iter()
            .map(|[ours, ..]| ours)
            .collect();
        assert_eq!(names, ["c", "a"]);
        assert_eq!(info(&mut far, "nbm-other:").2, 2);
    });
}

// ng_con_part2 waits for the node that is its own other side
#[test]
fn nodes_are_connected_with_themselves() {
    on_both(|world| {
        let mut far = world.far();
        far.connect(".:", ".:", "a", "b").unwrap();
        assert_eq!(info(&mut far, ".:").2, 2);
        far.make_peer(".:", "bridge", "c", "link0").unwrap();
        refused(far.connect("c", ".", "link1", "link2"), Errno::LOOP);
        // On a kernel of FreeBSD 15 with assertions, this is a panic (ng_bridge_newhook: alloc_unr_specific).
        if let World::Model(_) = world {
            refused(far.connect("c", ".:", "link1", "link1"), Errno::LOOP);
        }
        eventually(|| (info(&mut far, "c").2 == 1).then_some(()));
    });
}

// NGM_RMHOOK, NGM_SHUTDOWN, NGM_NAME
#[test]
fn hooks_and_nodes_are_removed() {
    on_both(|world| {
        let mut far = world.far();
        far.make_peer(".:", "hub", "a", "x").unwrap();
        far.name_node("a", "nbm-hub").unwrap();
        refused(far.name_node(".:", "nbm-hub"), Errno::ADDRINUSE);
        far.name_node("a", "nbm-renamed").unwrap();
        gone(&mut far, "nbm-hub:");
        far.remove_hook(".:", "none").unwrap();
        refused(far.tell(".:", cookie::GENERIC, 5, &[0; 31]), Errno::INVAL);
        far.remove_hook(".:", "a").unwrap();
        gone(&mut far, "nbm-renamed:");
        far.make_peer(".:", "hub", "a", "x").unwrap();
        far.shut_down("a").unwrap();
        assert_eq!(info(&mut far, ".:").2, 0);
    });
}

#[test]
fn unknown_messages_are_refused() {
    on_both(|world| {
        let mut far = world.far();
        far.make_peer(".:", "hub", "a", "x").unwrap();
        for command in [0, 15, 99, 6, 11 | ASKS] {
            refused(far.tell("a", cookie::GENERIC, command, &[]), Errno::INVAL);
        }
        refused(far.tell("a", 12345, 1, &[]), Errno::INVAL);
        // Sockets give others' messages to their program.
        far.tell(".:", 12345, 6, b"abcd").unwrap();
        assert_eq!(
            far.next_message().unwrap(),
            Some((12345, 6, b"abcd".to_vec()))
        );
    });
}

// NGM_LISTNODES, NGM_LISTNAMES, NGM_LISTTYPES
#[test]
fn there_are_lists_of_everything() {
    on_both(|world| {
        let mut far = world.far();
        far.name("nbm-lists").unwrap();
        far.make_peer(".:", "hub", "a", "x").unwrap();
        for (command, unnamed) in [(8, false), (9, true)] {
            let list = far.ask(".:", cookie::GENERIC, command | ASKS, &[]).unwrap();
            let count = number(&list, 0).unwrap() as usize;
            assert!(list.len() >= 4 + count * 72);
            let nodes = list[4..].chunks_exact(72).take(count);
            let ours = nodes.clone().filter(|node| text(node, 0) == "nbm-lists");
            assert_eq!(
                ours.map(|node| text(node, NAME)).collect::<Vec<_>>(),
                ["socket"]
            );
            let hubs = nodes.filter(|node| text(node, 0).is_empty() && text(node, NAME) == "hub");
            assert_eq!(hubs.count() > 0, unnamed);
        }
        let list = far.ask(".:", cookie::GENERIC, 10 | ASKS, &[]).unwrap();
        let count = number(&list, 0).unwrap() as usize;
        assert_eq!(list.len(), 4 + count * 36);
        let types = list[4..].chunks_exact(36);
        let types: Vec<_> = types
            .map(|it| (text(it, 0), number(it, NAME).unwrap()))
            .collect();
        assert!(
            types
                .iter()
                .any(|(name, nodes)| name == "hub" && *nodes >= 1)
        );
        assert!(
            types
                .iter()
                .any(|(name, nodes)| name == "socket" && *nodes >= 1)
        );
    });
}
