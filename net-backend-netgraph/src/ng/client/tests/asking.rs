use super::*;
use crate::ng::bridge::{Link, LinkStats};
use crate::ng::{
    HookInfo, HookList, HookName, MalformedMessage, bridge, eiface, ether, flow, generic, socket,
};

/// A question that was answered with something else first.
fn asked_with(before: impl Fn(&Header) -> Vec<Line> + Send + 'static) -> Result<NodeInfo, Error> {
    let (mut client, _) = Script::client(move |question, _| {
        let mut lines = before(question);
        lines.push(Line::answer(question, &some_node().encode()));
        lines
    });
    client.node_info(&here())
}

/// A question that is never answered, but by these lines.
fn unanswered(lines: impl Fn(&Header) -> Vec<Line> + Send + 'static) -> Error {
    let (mut client, _) = Script::client(move |question, _| lines(question));
    client.set_timeout(Duration::from_millis(5));
    client.node_info(&here()).unwrap_err()
}

#[test]
fn an_answer_is_what_its_question_asked_for() {
    assert_eq!(asked_with(|_| Vec::new()).unwrap(), some_node());
}

#[test]
fn an_answer_may_come_later() {
    assert_eq!(asked_with(|_| vec![Line::Pause]).unwrap(), some_node());
    let late = asked_with(|_| vec![Line::Failure(libc::EINTR), Line::Pause, Line::Pause]);
    assert_eq!(late.unwrap(), some_node());
}

#[test]
fn answers_to_other_questions_are_skipped() {
    let other = NodeInfo {
        id: NodeId(99),
        ..some_node()
    }
    .encode();
    let with = move |change: fn(&mut Header)| {
        let other = other.clone();
        asked_with(move |question| {
            let mut question = *question;
            change(&mut question);
            vec![Line::answer(&question, &other), Line::Pause]
        })
    };
    assert_eq!(
        with(|header| header.token = header.token.wrapping_sub(1)).unwrap(),
        some_node()
    );
    assert_eq!(with(|header| header.token = 0).unwrap(), some_node());
    assert_eq!(
        with(|header| header.cookie = bridge::COOKIE).unwrap(),
        some_node()
    );
    assert_eq!(with(|header| header.command = 2).unwrap(), some_node());
}

#[test]
fn our_own_question_is_no_answer() {
    let echoed = asked_with(|question| {
        vec![Line::message(&Message {
            header: *question,
            arguments: &[],
        })]
    });
    assert_eq!(echoed.unwrap(), some_node());
}

#[test]
fn an_answer_that_comes_too_late_answers_nothing_else() {
    let mut first = None;
    let (mut client, script) = Script::client(move |question, _| match first.take() {
        None => {
            first = Some(*question);
            Vec::new()
        }
        Some(first) => {
            let late = NodeInfo {
                id: NodeId(1),
                ..some_node()
            };
            vec![
                Line::answer(&first, &late.encode()),
                Line::answer(question, &some_node().encode()),
            ]
        }
    });
    client.set_timeout(Duration::ZERO);
    let error = client.node_info(&here()).unwrap_err();
    assert!(error.is_timeout() && !error.is_gone(), "{error:?}");
    assert_eq!(client.node_info(&here()).unwrap(), some_node());
    let tokens: Vec<u32> = script
        .sent()
        .iter()
        .map(|(_, message)| Header::decode(message).unwrap().token)
        .collect();
    assert!(tokens[0] != tokens[1] && !tokens.contains(&0), "{tokens:?}");
}

#[test]
fn tokens_go_round_without_zero() {
    let (mut client, script) = Script::client(|_, _| Vec::new());
    client.token = u32::MAX - 1;
    for _ in 0..2 {
        client.linger(true).unwrap();
    }
    let token = |at: usize| Header::decode(&script.sent()[at].1).unwrap().token;
    assert_eq!((token(0), token(1)), (u32::MAX, 1));
}

#[test]
fn a_question_without_answer_ends_and_names_itself() {
    let error = unanswered(|_| Vec::new());
    assert!(error.is_timeout());
    assert_eq!(
        error.to_string(),
        "NGM_NODEINFO on .:: no answer within 5ms"
    );
}

#[test]
fn messages_that_never_cease_do_not_keep_a_question_open() {
    let flood = Message::new(flow::LINK_IS_UP, 0, &[]).encode();
    let error = unanswered(move |_| vec![Line::Flood(flood.clone())]);
    assert!(error.is_timeout());
}

#[test]
fn an_answer_that_is_there_is_found_without_waiting() {
    let (mut client, script) =
        Script::client(|question, _| vec![Line::answer(question, &some_node().encode())]);
    for _ in 0..500 {
        script.push(Line::event(flow::LINK_IS_UP, &[]));
    }
    client.set_timeout(Duration::ZERO);
    assert_eq!(client.id().unwrap(), NodeId(7));
}

#[test]
fn an_endless_timeout_can_be_waited_for() {
    let (mut client, _) = Script::client(|question, _| {
        vec![Line::Pause, Line::answer(question, &some_node().encode())]
    });
    client.set_timeout(Duration::MAX);
    assert_eq!(client.id().unwrap(), NodeId(7));
}

#[test]
fn a_gone_node_is_said_to_be_gone() {
    let error = unanswered(|_| vec![Line::End]);
    assert!(error.is_gone() && !error.is_timeout(), "{error:?}");
    let error = unanswered(|_| vec![Line::Refusal(libc::EPIPE)]);
    assert!(error.is_gone() && error.raw_os_error() == Some(libc::EPIPE));
    assert!(net_backend_core::Error::from(error).is_gone());
}

#[test]
fn what_the_node_says_is_the_error() {
    let error = unanswered(|_| vec![Line::Refusal(libc::ENOENT)]);
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    let text = error.to_string();
    assert!(
        text.starts_with("NGM_NODEINFO on .:: No such file or directory; "),
        "{text}"
    );
    let error = unanswered(|_| vec![Line::Refusal(libc::ENOBUFS)]);
    assert!(error.to_string().contains("kern.ipc.maxsockbuf"), "{error}");
    let error = unanswered(|_| vec![Line::Failure(libc::EBADF)]);
    assert!(
        error.to_string().starts_with("recvfrom on NG_CONTROL: "),
        "{error}"
    );
    assert_eq!(error.cause().unwrap().raw_os_error(), Some(libc::EBADF));
}

#[test]
fn malformed_answers_are_refused() {
    let problem = |error: &Error| -> MalformedMessage {
        let cause = error.cause().unwrap();
        assert_eq!(cause.kind(), io::ErrorKind::InvalidData);
        *cause.get_ref().unwrap().downcast_ref().unwrap()
    };
    let error = unanswered(|question| vec![Line::answer(question, &[0; 71])]);
    assert!(
        matches!(problem(&error), MalformedMessage::Nameless("type")),
        "{error}"
    );
    let error = unanswered(|question| vec![Line::answer(question, &[])]);
    assert_eq!(
        problem(&error),
        MalformedMessage::Short {
            needed: 32,
            length: 0
        }
    );
    let lie = |question: &Header| {
        let mut answer = Message::response(question, &[0; 8]).encode();
        answer.truncate(HEADER_BYTES + 4);
        vec![Line::Datagram(answer)]
    };
    let error = unanswered(lie);
    assert_eq!(
        problem(&error),
        MalformedMessage::Length { said: 8, length: 4 }
    );
    assert!(
        error
            .to_string()
            .starts_with("NGM_NODEINFO on .:: the header says 8 bytes"),
        "{error}"
    );
}

#[test]
fn garbage_is_skipped() {
    let garbage = asked_with(|question| {
        let mut other_version = Message::response(question, &[]).encode();
        other_version[0] = 9;
        vec![
            Line::Datagram(vec![1]),
            Line::Datagram(vec![0xff; 300]),
            Line::Datagram(other_version),
        ]
    });
    assert_eq!(garbage.unwrap(), some_node());
}

#[test]
fn an_answer_that_does_not_fit_is_no_answer() {
    let (_, script) = Script::client(|question, _| vec![Line::answer(question, &[0; 300])]);
    script.set_room(100);
    let mut client = Client::over(script.socket());
    let error = client.nodes().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("300 bytes of arguments, 44 are there"),
        "{error}"
    );
    // A buffer that cannot be set is no reason to do without.
    script.set_room(0);
    let mut client = Client::over(script.socket());
    assert_eq!(client.nodes().unwrap(), []);
}

#[test]
fn messages_go_where_they_should() {
    let (mut client, script) = Script::client(|_, _| Vec::new());
    let (ours, theirs): (HookName, HookName) =
        ("vmlink".parse().unwrap(), "link0".parse().unwrap());
    let at: Address = "em0:".parse().unwrap();
    client
        .make_peer(&here(), &"bridge".parse().unwrap(), &ours, &theirs)
        .unwrap();
    client
        .connect(&at, &"[5]:".parse().unwrap(), &ours, &theirs)
        .unwrap();
    client
        .name_node(&Address::from(&ours), &"switch0".parse().unwrap())
        .unwrap();
    client.remove_hook(&at, &ours).unwrap();
    client.shut_down(&at).unwrap();
    client.linger(false).unwrap();
    client.set_auto_source(&at, false).unwrap();
    let expected: [(&str, Command, Vec<u8>); 7] = [
        (
            ".:",
            generic::MKPEER,
            generic::make_peer(&"bridge".parse().unwrap(), &ours, &theirs),
        ),
        (
            "em0:",
            generic::CONNECT,
            generic::connect(&"[5]:".parse().unwrap(), &ours, &theirs),
        ),
        (
            "vmlink",
            generic::NAME,
            generic::name(&"switch0".parse().unwrap()),
        ),
        ("em0:", generic::RMHOOK, generic::remove_hook(&ours)),
        ("em0:", generic::SHUTDOWN, Vec::new()),
        (".:", socket::NOLINGER, Vec::new()),
        ("em0:", ether::SET_AUTOSRC, vec![0; 4]),
    ];
    let sent = script.sent();
    assert_eq!(sent.len(), expected.len());
    for ((to, message), (address, command, arguments)) in sent.iter().zip(expected) {
        let message = Message::decode(message).unwrap();
        assert!(command.is(&message.header) && !message.header.is_response());
        assert_eq!((to.as_str(), message.arguments), (address, &arguments[..]));
    }
}

#[test]
fn answers_of_types_are_decoded() {
    let list = HookList {
        node: NodeInfo {
            hooks: 1,
            ..some_node()
        },
        hooks: vec![HookInfo {
            our_hook: "vmlink".parse().unwrap(),
            peer_hook: "link3".parse().unwrap(),
            peer: some_node(),
        }],
    };
    let stats = LinkStats {
        sent_frames: 3,
        ..LinkStats::default()
    };
    let answered = list.clone();
    let (mut client, script) = Script::client(move |question, _| {
        let answer = match question {
            _ if generic::LISTHOOKS.is(question) => answered.encode(),
            _ if bridge::GET_STATS.is(question) => stats.encode(),
            _ if eiface::GET_IFNAME.is(question) => b"ngeth3\0\0".to_vec(),
            _ => vec![1, 0, 0, 0, 0, 0],
        };
        vec![Line::answer(question, &answer)]
    });
    assert_eq!(client.hooks(&here()).unwrap(), list);
    assert_eq!(list.hook(&"vmlink".parse().unwrap()), list.hooks.first());
    assert_eq!(
        client.bridge_stats(&here(), Link::Uplink(2)).unwrap(),
        stats
    );
    assert_eq!(script.sent()[1].1[HEADER_BYTES..], (-2i32).to_ne_bytes());
    assert_eq!(client.eiface_name(&here()).unwrap(), "ngeth3");
    assert_eq!(client.ether_mac(&here()).unwrap(), [1, 0, 0, 0, 0, 0]);
    assert!(client.promiscuous(&here()).unwrap());
}

#[test]
fn what_cannot_be_asked_is_not_sent() {
    let (mut client, script) = Script::client(|_, _| Vec::new());
    let refused = [
        client.bridge_stats(&here(), Link::Uplink(0)).unwrap_err(),
        client.to_binary(&here(), &"x".repeat(32), "").unwrap_err(),
        client.to_binary(&here(), "", "").unwrap_err(),
        client.to_binary(&here(), "getstats", "a\0b").unwrap_err(),
    ];
    for error in refused {
        assert_eq!(
            error.cause().unwrap().kind(),
            io::ErrorKind::InvalidInput,
            "{error}"
        );
    }
    assert!(script.sent().is_empty());
}
