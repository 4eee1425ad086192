//! The library's client: what it says is what the model, and a real kernel, understand, and the other way round.

use super::*;
use crate::ng::bridge::{Config, Link};
use crate::ng::{Address, Client, HookName, NodeName, Path, TypeName};

fn at(address: &str) -> Address {
    Address::new(address).unwrap()
}

fn hook(name: &str) -> HookName {
    HookName::new(name).unwrap()
}

fn kind(name: &str) -> TypeName {
    TypeName::new(name).unwrap()
}

fn name(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

#[track_caller]
fn refused_client<T: Debug>(result: Result<T, crate::ng::Error>, errno: Errno) {
    let error = result.expect_err("this has to fail");
    assert_eq!(error.raw_os_error(), Some(errno.raw_os_error()), "{error}");
}

#[test]
fn a_client_builds_and_tears_down() {
    on_both(|world| {
        let mut client = Client::open_on(world.kernel()).unwrap();
        client.name(&name("nbm-client")).unwrap();
        let here = Address::own();
        let id = client.id().unwrap();
        client
            .make_peer(&here, &kind("hub"), &hook("a"), &hook("x"))
            .unwrap();
        client.name_node(&at("a"), &name("nbm-hub")).unwrap();
        let path = Path::new("nbm-hub:").unwrap();
        client
            .connect(&here, &path, &hook("b"), &hook("y"))
            .unwrap();
        let list = client.hooks(&at("nbm-hub:")).unwrap();
        assert_eq!(list.node.hooks, 2);
        let hooks: Vec<_> = list
            .hooks
            .iter()
            .map(|it| (it.our_hook.as_str(), it.peer_hook.as_str(), it.peer.id))
            .collect();
        assert_eq!(hooks, [("y", "b", id), ("x", "a", id)]);
        let nodes = client.named_nodes().unwrap();
        assert!(
            nodes
                .iter()
                .any(|node| node.name == Some(name("nbm-hub")) && node.hooks == 2)
        );
        assert!(client.nodes().unwrap().iter().any(|node| node.id == id));
        assert!(
            client
                .types()
                .unwrap()
                .iter()
                .any(|it| it.name == kind("hub") && it.nodes == 1)
        );
        refused_client(
            client.connect(&here, &path, &hook("b"), &hook("z")),
            Errno::EXIST,
        );
        refused_client(
            client.make_peer(&here, &kind("nbm_none"), &hook("c"), &hook("x")),
            Errno::NOENT,
        );
        refused_client(client.node_info(&at("nbm-none:")), Errno::NOENT);
        refused_client(client.text_status(&at("nbm-hub:")), Errno::INVAL);
        client.remove_hook(&here, &hook("b")).unwrap();
        client.keep_hub(&at("nbm-hub:")).unwrap();
        client.shut_down(&at("nbm-hub:")).unwrap();
        assert_eq!(client.node_info(&here).unwrap().hooks, 0);
    });
}

#[test]
fn a_client_speaks_with_bridges() {
    on_both(|world| {
        let mut client = Client::open_on(world.kernel()).unwrap();
        client
            .make_peer(&Address::own(), &kind("bridge"), &hook("a"), &hook("link5"))
            .unwrap();
        let bridge = at("a");
        let config = client.bridge_config(&bridge).unwrap();
        let times = (
            config.loop_timeout,
            config.max_staleness,
            config.min_stable_age,
        );
        assert_eq!((config.debug_level, times), (1, (60, 900, 1)));
        let changed = Config {
            loop_timeout: 7,
            ..config
        };
        client.set_bridge_config(&bridge, &changed).unwrap();
        assert_eq!(client.bridge_config(&bridge).unwrap(), changed);
        client
            .move_bridge_host(&bridge, [2, 0, 0, 0, 0, 9], &hook("link5"))
            .unwrap();
        let table = client.bridge_table(&bridge).unwrap();
        let hosts: Vec<_> = table
            .iter()
            .map(|host| (host.address, host.hook.as_str()))
            .collect();
        assert_eq!(hosts, [([2, 0, 0, 0, 0, 9], "link5")]);
        client.bridge_stats(&bridge, Link::Link(5)).unwrap();
        refused_client(
            client.clear_bridge_stats(&bridge, Link::Link(6)),
            Errno::NOTCONN,
        );
        client.reset_bridge(&bridge).unwrap();
        assert_eq!(client.bridge_table(&bridge).unwrap().len(), 0);
        client.keep_bridge(&bridge).unwrap();
        client.shut_down(&bridge).unwrap();
    });
}

#[test]
fn a_client_speaks_with_interfaces() {
    on_both(|world| {
        let mut client = Client::open_on(world.kernel()).unwrap();
        client
            .make_peer(&Address::own(), &kind("eiface"), &hook("a"), &hook("ether"))
            .unwrap();
        let found = client.eiface_name(&at("a")).unwrap();
        assert_eq!(client.node_info(&at("a")).unwrap().name, Some(name(&found)));
        client.set_eiface_mac(&at("a"), [2, 0, 0, 0, 0, 3]).unwrap();
        assert_eq!(client.eiface_addresses(&at("a")).unwrap().len(), 1);
        client.shut_down(&at("a")).unwrap();
        client
            .make_peer(&Address::own(), &kind("device"), &hook("a"), &hook("x"))
            .unwrap();
        assert!(client.device_name(&at("a")).unwrap().starts_with("ngd"));
    });
}

#[test]
fn a_client_speaks_with_ethernet_interfaces() {
    let model = Model::new();
    model.add_interface("em0");
    let mut client = Client::open_on(&model).unwrap();
    let node = at("em0:");
    assert_eq!(client.ether_name(&node).unwrap(), "em0");
    assert_eq!(client.ether_index(&node).unwrap(), 1);
    client.set_ether_mac(&node, [2, 0, 0, 0, 0, 3]).unwrap();
    assert_eq!(client.ether_mac(&node).unwrap(), [2, 0, 0, 0, 0, 3]);
    for on in [true, false] {
        client.set_promiscuous(&node, on).unwrap();
        assert_eq!(client.promiscuous(&node).unwrap(), on);
        client.set_auto_source(&node, on).unwrap();
        assert_eq!(client.auto_source(&node).unwrap(), on);
    }
    let group = [1, 0, 0x5e, 0, 0, 1];
    client.join_group(&node, group).unwrap();
    refused_client(client.join_group(&node, group), Errno::ADDRINUSE);
    client.leave_group(&node, group).unwrap();
    refused_client(client.leave_group(&node, group), Errno::NOENT);
}

// NGM_BINARY2ASCII, NGM_ASCII2BINARY
#[test]
fn a_client_has_messages_translated() {
    on_both(|world| {
        let mut client = Client::open_on(world.kernel()).unwrap();
        client
            .make_peer(&Address::own(), &kind("bridge"), &hook("a"), &hook("link0"))
            .unwrap();
        let bridge = at("a");
        let mut there_and_back = |command: &str, arguments: &str| {
            let binary = client.to_binary(&bridge, command, arguments).unwrap();
            let message = super::super::message::Message::new(
                binary.cookie,
                binary.command,
                binary.arguments,
            );
            let bytes = message.bytes();
            let message = crate::ng::Message::decode(&bytes).unwrap();
            let ascii = client.to_ascii(&bridge, &message).unwrap();
            assert_eq!(ascii.command, command);
            (message.arguments.to_vec(), ascii.arguments)
        };
        assert_eq!(
            there_and_back("getstats", "7"),
            (vec![7, 0, 0, 0], "7".to_owned())
        );
        assert_eq!(there_and_back("reset", "").1, "");
        let (bytes, text) = there_and_back("setconfig", "{ minStableAge=0x10 debugLevel=2 }");
        assert_eq!(bytes, [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0]);
        assert_eq!(text, "{ debugLevel=2 minStableAge=16 }");
        let host = "{ addr=02:00:00:00:00:0a hook=\"link0\" }";
        assert_eq!(there_and_back("movehost", host).1, host);
        assert_eq!(
            there_and_back("mkpeer", "{type=\"hub\"}").1,
            "{ type=\"hub\" }"
        );
        assert_eq!(there_and_back("name", "{ }").1, "{}");
    });
}

#[test]
fn text_that_is_no_message_is_refused() {
    on_both(|world| {
        let mut client = Client::open_on(world.kernel()).unwrap();
        client
            .make_peer(&Address::own(), &kind("bridge"), &hook("a"), &hook("link0"))
            .unwrap();
        let mut refuse = |command: &str, arguments: &str, errno| {
            refused_client(client.to_binary(&at("a"), command, arguments), errno);
        };
        refuse("nonsense", "", Errno::NOSYS);
        refuse("getstats", "x", Errno::INVAL);
        refuse("setconfig", "{ none=1 }", Errno::NOENT);
        refuse("setconfig", "{ debugLevel=1 debugLevel=1 }", Errno::ALREADY);
        refuse(
            "rmhook",
            "{ hook=\"a234567890123456789012345678901234567890\" }",
            Errno::TOOBIG,
        );
    });
}
