//! The bytes that go out, and what is made of those that come back, with a kernel that says what it was told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use net_backend_core::{Bell, BorrowedDescriptor, ErrorKind};

use super::*;
use crate::abi::{BODY_BYTES, HEADER_BYTES};
use crate::sys::Region;

/// An answer: the header's name, if it changes, and the body, or an errno.
type Answer = Result<(Option<&'static str>, [u8; BODY_BYTES]), i32>;

/// What was asked for: kind, name, body.
type Question = (u16, String, [u8; BODY_BYTES]);

#[derive(Clone, Debug, Default)]
struct Script(Arc<Mutex<(VecDeque<Answer>, Vec<Question>)>>);

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = answers.into_iter().collect();
        Self(Arc::new(Mutex::new((answers, Vec::new()))))
    }

    fn device(&self) -> ControlDevice {
        ControlDevice::on(self).unwrap()
    }

    fn questions(&self) -> Vec<Question> {
        self.0.lock().unwrap().1.clone()
    }
}

impl Kernel for Script {
    fn open(&self) -> io::Result<Box<dyn Control>> {
        let bell = Bell::new()?;
        let script = self.clone();
        Ok(Box::new(Scripted { script, bell }))
    }
}

#[derive(Debug)]
struct Scripted {
    script: Script,
    bell: Bell,
}

impl Control for Scripted {
    fn request(
        &self,
        header: &mut [u8; HEADER_BYTES],
        body: &mut [u8; BODY_BYTES],
    ) -> io::Result<()> {
        let mut asked = Header::decode(header);
        assert_eq!((asked.version, asked.reserved), (abi::API, 0));
        assert_eq!((asked.options, asked.body), (0, 0));
        let mut script = self.script.0.lock().unwrap();
        script.1.push((asked.kind, text(&asked.name), *body));
        let answer = script.0.pop_front().expect("one question too many");
        let (name, bytes) = answer.map_err(io::Error::from_raw_os_error)?;
        if let Some(name) = name {
            asked.name = [0; NAME_BYTES];
            asked.name[..name.len()].copy_from_slice(name.as_bytes());
            *header = asked.encode();
        }
        *body = bytes;
        Ok(())
    }

    fn transmit_sync(&self) -> io::Result<()> {
        unreachable!("a device that is bound to nothing has no rings")
    }

    fn receive_sync(&self) -> io::Result<()> {
        unreachable!("a device that is bound to nothing has no rings")
    }

    fn map(&self, _: usize) -> io::Result<Arc<Region>> {
        unreachable!("a device that is bound to nothing has no memory")
    }

    fn receive_source(&self) -> BorrowedDescriptor<'_> {
        self.bell.descriptor()
    }

    fn transmit_source(&self) -> BorrowedDescriptor<'_> {
        self.bell.descriptor()
    }
}

fn answer(body: &impl Body) -> Answer {
    Ok((None, body.encode()))
}

fn asked(kind: RequestKind, name: &str, body: &impl Body) -> Vec<Question> {
    vec![(kind as u16, name.to_owned(), body.encode())]
}

#[test]
fn interfaces_are_attached_with_and_without_the_hosts_rings() {
    for (rings, mode) in [
        (AttachedRings::Nic, mode::ALL_NIC),
        (AttachedRings::NicAndHost, mode::NIC_SW),
    ] {
        let mut body = abi::ValeAttach::default();
        body.register.mode = mode;
        let port_index = 7;
        let script = Script::new([answer(&abi::ValeAttach { port_index, ..body })]);
        assert_eq!(script.device().attach("vale0:em0", rings).unwrap(), 7);
        let expected = asked(RequestKind::ValeAttach, "vale0:em0", &body);
        assert_eq!(script.questions(), expected);
    }
}

#[test]
fn an_interface_is_attached_in_a_memory_region() {
    let mut body = abi::ValeAttach::default();
    body.register.mode = mode::ALL_NIC;
    body.register.memory = 5;
    let script = Script::new([answer(&body)]);
    let device = script.device();
    let attached = device.attach_in("vale0:em0", AttachedRings::Nic, NonZeroU16::new(5));
    assert_eq!(attached.unwrap(), 0);
    let expected = asked(RequestKind::ValeAttach, "vale0:em0", &body);
    assert_eq!(script.questions(), expected);
}

#[test]
fn interfaces_are_detached() {
    let script = Script::new([answer(&abi::ValeDetach { port_index: 3 })]);
    assert_eq!(script.device().detach("vale0:em0").unwrap(), 3);
    let expected = asked(
        RequestKind::ValeDetach,
        "vale0:em0",
        &abi::ValeDetach::default(),
    );
    assert_eq!(script.questions(), expected);
}

#[test]
fn switches_are_listed_port_by_port() {
    let at = |name, bridge, port| Ok((Some(name), abi::ValeList { bridge, port }.encode()));
    let script = Script::new([
        at("vale0:vm1", 0, 0),
        at("vale0:em0", 0, 4),
        at("valeB:em1^", 3, 1),
        Err(libc::ENOENT),
    ]);
    let switches = script.device().switches().unwrap();
    let names: Vec<_> = switches
        .iter()
        .map(|switch| (switch.name.as_deref(), switch.index))
        .collect();
    assert_eq!(names, [(Some("vale0"), 0), (Some("valeB"), 3)]);
    let ports = |at: usize| -> Vec<_> {
        let ports = switches[at].ports.iter();
        ports.map(|port| (port.name.clone(), port.index)).collect()
    };
    assert_eq!(
        ports(0),
        [("vale0:vm1".to_owned(), 0), ("vale0:em0".to_owned(), 4)]
    );
    assert_eq!(ports(1), [("valeB:em1^".to_owned(), 1)]);
    let from = |bridge, port| {
        let body = abi::ValeList { bridge, port }.encode();
        (RequestKind::ValeList as u16, String::new(), body)
    };
    assert_eq!(
        script.questions(),
        [from(0, 0), from(0, 1), from(0, 5), from(3, 2)]
    );
}

#[test]
fn a_switch_is_called_what_one_of_its_ports_says() {
    let at = |name, bridge, port| Ok((Some(name), abi::ValeList { bridge, port }.encode()));
    let script = Script::new([
        at("vi0", 1, 0),
        at("vale0:vm1", 1, 2),
        at("vi1", 2, 0),
        Err(libc::ENOENT),
    ]);
    let switches = script.device().switches().unwrap();
    let names: Vec<_> = switches.iter().map(|it| it.name.as_deref()).collect();
    assert_eq!(names, [Some("vale0"), None]);
    assert_eq!((switches[0].ports.len(), switches[1].ports.len()), (2, 1));
}

#[test]
fn a_list_that_goes_back_ends() {
    let at = |bridge, port| Ok((Some("vale0:a"), abi::ValeList { bridge, port }.encode()));
    let script = Script::new([at(2, 9), at(2, 9)]);
    assert_eq!(script.device().switches().unwrap().len(), 1);
    let script = Script::new([at(2, u32::MAX)]);
    assert_eq!(script.device().switches().unwrap().len(), 1);
}

#[test]
fn persistent_interfaces_are_made_and_deleted() {
    let ring = |rings, slots| RingShape { rings, slots };
    let wanted = InterfaceShape {
        transmit: ring(2, 512),
        receive: ring(4, 256),
        memory: 9,
    };
    let made = InterfaceShape {
        memory: 10,
        ..wanted
    };
    let script = Script::new([answer(&made.encode()), Ok((None, [0; BODY_BYTES]))]);
    let device = script.device();
    assert_eq!(device.create_interface("vi0", &wanted).unwrap(), made);
    device.delete_interface("vi0").unwrap();
    let body = abi::ValeInterface {
        transmit_slots: 512,
        receive_slots: 256,
        transmit_rings: 2,
        receive_rings: 4,
        memory: 9,
    };
    let mut expected = asked(RequestKind::ValeInterfaceNew, "vi0", &body);
    let delete = RequestKind::ValeInterfaceDelete as u16;
    expected.push((delete, "vi0".to_owned(), [0; BODY_BYTES]));
    assert_eq!(script.questions(), expected);
}

#[test]
fn ports_are_asked_what_they_have() {
    let info = abi::PortInfo {
        memory_size: 1 << 33,
        transmit_slots: 1,
        receive_slots: 2,
        transmit_rings: 3,
        receive_rings: 4,
        host_transmit_rings: 5,
        host_receive_rings: 6,
        memory: 7,
    };
    let script = Script::new([answer(&info), answer(&info)]);
    let device = script.device();
    let port = device.port_info("em0").unwrap();
    assert_eq!((port.transmit.rings, port.transmit.slots), (3, 1));
    assert_eq!((port.receive.rings, port.receive.slots), (4, 2));
    assert_eq!((port.host_transmit_rings, port.host_receive_rings), (5, 6));
    assert_eq!((port.memory, port.memory_size), (7, 1 << 33));
    let seven = NonZeroU16::new(7).unwrap();
    assert_eq!(device.memory_size(seven).unwrap(), 1 << 33);
    let mut expected = asked(RequestKind::PortInfoGet, "em0", &abi::PortInfo::default());
    let memory = abi::PortInfo {
        memory: 7,
        ..abi::PortInfo::default()
    };
    expected.extend(asked(RequestKind::PortInfoGet, "", &memory));
    assert_eq!(script.questions(), expected);
}

#[test]
fn header_lengths_are_asked_for_and_set() {
    let length = |length| abi::PortHeader { length };
    let script = Script::new([answer(&length(12)), answer(&length(10))]);
    let device = script.device();
    assert_eq!(device.header_length("vale0:a").unwrap(), 12);
    device
        .set_header_length("vale0:a", HeaderLength::Ten)
        .unwrap();
    let mut expected = asked(RequestKind::PortHeaderGet, "vale0:a", &length(0));
    expected.extend(asked(RequestKind::PortHeaderSet, "vale0:a", &length(10)));
    assert_eq!(script.questions(), expected);
}

#[test]
fn polling_begins_and_ends() {
    let script = Script::new([const { Ok((None, [0; BODY_BYTES])) }; 3]);
    let device = script.device();
    let per_ring = PollingThreads::PerRing { first: 1, count: 2 };
    device.start_polling("vale0:em0", per_ring).unwrap();
    let one = PollingThreads::One { cpu: 3 };
    device.start_polling("vale0:em0", one).unwrap();
    device.stop_polling("vale0:em0").unwrap();
    let polling = |mode, first_cpu, cpus| abi::Polling {
        mode,
        first_cpu,
        cpus,
    };
    let (enable, disable) = (RequestKind::PollingEnable, RequestKind::PollingDisable);
    let mut expected = asked(enable, "vale0:em0", &polling(2, 1, 2));
    expected.extend(asked(enable, "vale0:em0", &polling(1, 3, 1)));
    expected.extend(asked(disable, "vale0:em0", &polling(0, 0, 0)));
    assert_eq!(script.questions(), expected);
}

#[test]
fn refusals_name_request_and_port_and_what_to_do() {
    let script = Script::new([Err(libc::EBUSY)]);
    let device = script.device();
    let error = device.attach("vale0:em0", AttachedRings::Nic).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    let text = error.to_string();
    assert!(
        text.starts_with("NETMAP_REQ_VALE_ATTACH on vale0:em0: Device or resource busy; "),
        "{text}"
    );
}

#[test]
fn names_that_are_none_are_not_sent() {
    let script = Script::default();
    let device = script.device();
    let refused = [
        device.attach("em0", AttachedRings::Nic).unwrap_err(),
        device.detach("vale0").unwrap_err(),
        device.port_info("").unwrap_err(),
        device.header_length("vale0:0123456789abcdef").unwrap_err(),
        device
            .set_header_length("em0", HeaderLength::None)
            .unwrap_err(),
        device
            .create_interface("vale1", &InterfaceShape::default())
            .unwrap_err(),
        device.delete_interface("a/b").unwrap_err(),
        device
            .start_polling("em0", PollingThreads::One { cpu: 0 })
            .unwrap_err(),
        device.stop_polling("em0").unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    assert_eq!(script.questions(), []);
}
