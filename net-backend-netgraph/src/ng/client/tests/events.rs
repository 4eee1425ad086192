use super::*;
use crate::ng::{Command, generic};
use crate::ng::{Signal, flow};

const OTHER: Command = Command::new("NGM_OTHER", 12345, 6);

fn quiet() -> (Client, Script) {
    Script::client(|question, _| {
        vec![
            Line::event(flow::LINK_IS_DOWN, &[]),
            Line::event(OTHER, b"hello"),
            Line::answer(question, &some_node().encode()),
            Line::event(flow::LINK_IS_UP, &[]),
        ]
    })
}

#[test]
fn what_comes_in_between_is_kept_in_order() {
    let (mut client, _) = quiet();
    assert_eq!(client.next_event().unwrap(), None);
    client.id().unwrap();
    let event = |signal| {
        let sender = Some(NodeId(9));
        Some(FlowEvent { sender, signal })
    };
    assert_eq!(client.next_event().unwrap(), event(Signal::LinkDown));
    assert_eq!(client.next_event().unwrap(), event(Signal::LinkUp));
    assert_eq!(client.next_event().unwrap(), None);
}

#[test]
fn messages_of_any_kind_can_be_had() {
    let (mut client, _) = quiet();
    client.id().unwrap();
    let mut messages = std::iter::from_fn(|| client.next_message().unwrap());
    assert!(flow::LINK_IS_DOWN.is(&messages.next().unwrap().header));
    let other = messages.next().unwrap();
    assert!(OTHER.is(&other.header));
    assert_eq!(
        (other.sender, other.arguments.as_slice()),
        (Some(NodeId(9)), &b"hello"[..])
    );
    assert!(flow::LINK_IS_UP.is(&messages.next().unwrap().header));
    assert!(messages.next().is_none());
}

#[test]
fn answers_and_garbage_are_no_events() {
    let (mut client, script) = Script::client(|_, _| Vec::new());
    let mut response = Message::new(flow::LINK_IS_UP, 1, &[]);
    response.header.flags = crate::ng::RESPONSE;
    script.push(Line::message(&response));
    script.push(Line::Datagram(vec![0; 10]));
    script.push(Line::event(generic::NODEINFO, &[]));
    assert_eq!(client.next_event().unwrap(), None);
    script.push(Line::event(flow::LINK_IS_UP, &[]));
    assert_eq!(client.next_event().unwrap().unwrap().signal, Signal::LinkUp);
}

#[test]
fn the_end_is_told_behind_what_was_kept() {
    let (mut client, script) = quiet();
    client.id().unwrap();
    script.push(Line::End);
    assert!(client.next_event().unwrap().is_some() && client.next_event().unwrap().is_some());
    assert!(client.next_event().unwrap_err().is_gone());
    assert!(client.next_message().unwrap_err().is_gone());
}

#[test]
fn the_latest_are_kept_when_there_are_too_many() {
    let kept_of = |count: u32, length: usize| -> Vec<u32> {
        let (mut client, _) = Script::client(move |question, _| {
            let event = |number| Line::event(Command::new("", 1, number), &vec![0; length]);
            let mut lines: Vec<Line> = (0..count).map(event).collect();
            lines.push(Line::answer(question, &some_node().encode()));
            lines
        });
        client.id().unwrap();
        std::iter::from_fn(|| client.next_message().unwrap())
            .map(|message| message.header.command)
            .collect()
    };
    assert_eq!(kept_of(200, 0), (136..200).collect::<Vec<_>>());
    // Of 4000 bytes each, 65 make 256 KiB; fewer fit than may be kept of short ones.
    assert_eq!(kept_of(10, 4000), (0..10).collect::<Vec<_>>());
    assert_eq!(kept_of(64, 4000).len(), 64);
}

#[test]
fn long_messages_are_kept_up_to_a_limit() {
    let (_, script) = Script::client(|question, _| {
        let event = |number| Line::event(Command::new("", 1, number), &[0; 100_000]);
        let mut lines: Vec<Line> = (0..5).map(event).collect();
        lines.push(Line::answer(question, &some_node().encode()));
        lines
    });
    script.set_room(1 << 20);
    let mut client = Client::over(script.socket());
    client.id().unwrap();
    let kept = std::iter::from_fn(|| client.next_message().unwrap());
    assert_eq!(
        kept.map(|message| message.header.command)
            .collect::<Vec<_>>(),
        [3, 4]
    );
}
