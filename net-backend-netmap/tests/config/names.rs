//! Names of ports: those of netmap(4), nm_open and nmport_open, and what is refused of them.

use std::num::NonZeroU16;

use net_backend_core::ConfigError;
use net_backend_netmap::{Directions, Monitor, Pipe, PortKind, PortName, Rings};
use proptest::prelude::*;

use super::refuses;

fn read(text: &str) -> Result<PortName, ConfigError> {
    text.parse()
}

#[test]
fn a_bare_name_is_all_rings_both_ways() {
    for (text, kind) in [
        ("em0", PortKind::Interface),
        ("vale0:vm1", PortKind::Vale),
        ("vale:a", PortKind::Vale),
        ("vale_9:em0.5", PortKind::Vale),
        ("val", PortKind::Interface),
        ("veth0", PortKind::Interface),
    ] {
        let name = read(text).unwrap();
        assert_eq!((name.base(), name.kind()), (text, kind));
        assert_eq!((name.rings(), name.pipe()), (Rings::All, None));
        assert_eq!((name.memory(), name.monitor()), (None, None));
        assert_eq!(name.directions(), Directions::Both);
        assert!(!name.is_exclusive());
        assert_eq!(read(&format!("netmap:{text}")).unwrap(), name);
    }
}

#[test]
fn suffixes_select_rings() {
    let cases = [
        ("em0^", Rings::Host),
        ("em0*", Rings::AllAndHost),
        ("em0-0", Rings::One(0)),
        ("em0-4094", Rings::One(4094)),
        ("em0^0", Rings::OneHost(0)),
        ("em0^17", Rings::OneHost(17)),
        ("vale0:a-1", Rings::One(1)),
        ("em0{p-1", Rings::One(1)),
    ];
    for (text, rings) in cases {
        assert_eq!(read(text).unwrap().rings(), rings, "{text}");
        let host = text.contains(['^', '*']);
        assert_eq!(rings.include_host(), host, "{text}");
    }
    assert_eq!(read("em0-007").unwrap(), read("em0-7").unwrap());
}

#[test]
fn the_end_of_a_pipe_is_part_of_the_kernels_name() {
    let name = read("vale0:vm1{link_2-0@4/x").unwrap();
    assert_eq!(name.pipe(), Some(&Pipe::Master("link_2".to_owned())));
    assert_eq!(kernel_name(&name), "vale0:vm1{link_2");
    let name = read("em0}0").unwrap();
    assert_eq!(name.pipe(), Some(&Pipe::Slave("0".to_owned())));
    assert_eq!(kernel_name(&name), "em0}0");
}

#[test]
fn the_longest_name_fits_and_one_byte_more_does_not() {
    let text = format!("em0{{{}", "p".repeat(59));
    let name = read(&text).unwrap();
    assert_eq!(kernel_name(&name), text);
    assert_eq!(name.kernel_name()[62..], [b'p', 0]);
    let error = format!("{text}p").parse::<PortName>().unwrap_err();
    assert_eq!(error.position(), 63);
    let message = error.message();
    assert!(
        message.ends_with("has 64 bytes; netmap takes at most 63"),
        "{message}"
    );
    read("vale9012345678_:p90123456789.14").unwrap();
}

#[test]
fn memory_and_flags_come_in_any_order() {
    let name = read("em0@7/xt/r").unwrap();
    assert_eq!(name.memory(), NonZeroU16::new(7));
    assert!(name.is_exclusive());
    assert_eq!(name.monitor(), Some(Monitor::Both));
    for same in ["em0/x@7/rt", "em0/xtr@7", "em0/rtx@00007", "em0/ttrrxx@7"] {
        assert_eq!(read(same).unwrap(), name, "{same}");
    }
    assert_eq!(name.to_string(), "em0@7/xtr");
    assert_eq!(read("em0/R").unwrap().directions(), Directions::Receive);
    assert_eq!(read("em0/xT").unwrap().directions(), Directions::Transmit);
    assert_eq!(read("em0/ztr").unwrap(), read("em0/z").unwrap());
}

#[test]
fn a_monitor_sees_what_it_says() {
    let sees = |text| {
        let monitor = read(text).unwrap().monitor().unwrap();
        (monitor.sees_transmitted(), monitor.sees_received())
    };
    assert_eq!(sees("em0/t"), (true, false));
    assert_eq!(sees("em0/r"), (false, true));
    assert_eq!(sees("em0/tr"), (true, true));
    assert_eq!(sees("em0/z"), (true, true));
}

/// Each text with what is wrong below the place where it is wrong.
const BAD: &str = r#"
^
^ BadTarget: the port name ^ has no port; write netmap:em0 for an interface, netmap:vale0:vm1 for a VALE port
-0
^ BadTarget: the port name -0 has no port; write netmap:em0 for an interface, netmap:vale0:vm1 for a VALE port
..
^ BadTarget: the port name .. is no interface name; write one, as em0
em 0
  ^ BadTarget: the port name em 0 has white space or a question mark in its name; rename the interface
em0?
   ^ BadTarget: the port name em0? has white space or a question mark in its name; rename the interface
netmap:em0:1
          ^ BadTarget: the port name em0:1 has a colon, which only VALE ports have; these begin with vale, as vale0:vm1
valeria0
        ^ BadTarget: the port name valeria0 begins with vale, as VALE ports do, but has no colon; write valeria0:vm1
interface_of_16b
               ^ BadTarget: the port name interface_of_16b has 16 bytes for the interface; there is room for 15
vale56789012345_:a
               ^ BadTarget: the port name vale56789012345_:a has 16 bytes for the switch; there is room for 15
vale0:port56789012345_
                     ^ BadTarget: the port name vale0:port56789012345_ has 16 bytes for the port of a switch; there is room for 15
vale.0:a
    ^ BadTarget: the port name vale.0:a has a switch whose name is not made of letters, digits and _; write vale0, vale1 and so on
vale0:
      ^ BadTarget: the port name vale0: has no port behind the switch; write one, as vale0:vm1
vale0:^
      ^ BadTarget: the port name vale0:^ has no port behind the switch; write one, as vale0:vm1
vale0:a:b
       ^ BadTarget: the port name vale0:a:b has a port whose name is not made of letters, digits, _ and dots; write one as vm1
vale0:a^
       ^ BadTarget: the port name vale0:a^ asks for host rings, which a VALE port has none of; only an interface has, as in em0^
vale0:a*/x
       ^ BadTarget: the port name vale0:a*/x asks for host rings, which a VALE port has none of; only an interface has, as in em0*
em0{1^2
     ^ BadTarget: the port name em0{1^2 asks for host rings, which a pipe has none of; only an interface has, as in em0^2
em0{
    ^ BadTarget: the port name em0{ has no name of a pipe behind its bracket; write one, as in em0{1
em0}/x
    ^ BadTarget: the port name em0}/x has no name of a pipe behind its bracket; write one, as in em0{1
em0{a.b
     ^ BadTarget: the port name em0{a.b has . in the name of a pipe, which has letters, digits and _ only
em0{1}
     ^ BadTarget: the port name em0{1} has a second pipe; a pipe hangs on a port, not on a pipe
em0{01
    ^ BadTarget: the port name em0{01 has a pipe with a leading zero, with which programs mean different pipes; leave it out
em0-0{1
     ^ BadTarget: the port name em0-0{1 has a pipe behind its rings; write it in front of them, as in em0{1-0
em0-
    ^ BadTarget: the port name em0- has no number of a ring behind -; write one, as in em0-0, and rename an interface that has - in its name
veth-a
     ^ BadTarget: the port name veth-a has no number of a ring behind -; write one, as in em0-0, and rename an interface that has - in its name
em0-4095
    ^ BadTarget: the port name em0-4095 has the ring 4095; rings have numbers from 0 to 4094
em0^99999999999
    ^ BadTarget: the port name em0^99999999999 has the ring 99999999999; rings have numbers from 0 to 4094
em0-0x1
     ^ BadTarget: the port name em0-0x1 has x where a memory region (@) or flags (/) may follow; leave it out
em0^*
    ^ BadTarget: the port name em0^* has rings behind its rings, its memory region or its flags; write them once, as in em0-0@1/x
em0@1-0
    ^ BadTarget: the port name em0@1-0 has @1-0, which is no memory region; write a decimal number from 1 to 65535
em0@
    ^ BadTarget: the port name em0@ has @, which is no memory region; write a decimal number from 1 to 65535
em0@0
    ^ BadTarget: the port name em0@0 has @0, which is no memory region; write a decimal number from 1 to 65535
em0@65536
    ^ BadTarget: the port name em0@65536 has @65536, which is no memory region; write a decimal number from 1 to 65535
em0@1@1
     ^ BadTarget: the port name em0@1@1 has a second memory region; give one
vale0:a@conf:rings=2
        ^ BadTarget: the port name vale0:a@conf:rings=2 has @conf:rings=2, which is no memory region; write ?rings=N and ?slots=N instead
em0@share=em1
    ^ BadTarget: the port name em0@share=em1 has @share=em1, which is no memory region; write the number of the other port's region, as in em0@1
em0@extmem=/mnt/a
    ^ BadTarget: the port name em0@extmem=/mnt/a has @extmem=, which is no memory region; there is no such option here; leave it out
em0/
    ^ BadTarget: the port name em0/ has no flag behind /; write some of x, t, r, z, R and T
em0/@1
    ^ BadTarget: the port name em0/@1 has no flag behind /; write some of x, t, r, z, R and T
em0/q
    ^ BadTarget: the port name em0/q has the flag q; there are x, t, r, z, R and T
em0/xR@1/xT
          ^ BadTarget: the port name em0/xR@1/xT has R and T, which leave no ring; leave out both
em0/zt
    ^ BadTarget: the port name em0/zt watches one direction without a copy, but the kernel has that for both only; write z for both, or leave z out
em0/r/z
      ^ BadTarget: the port name em0/r/z watches one direction without a copy, but the kernel has that for both only; write z for both, or leave z out
em0/tR
    ^ BadTarget: the port name em0/tR is a monitor with R or T; say with t and r what to watch, and leave R and T out
"#;

#[test]
fn refuses_with_place_and_remedy() {
    refuses(BAD, |text| text.parse::<PortName>().map(drop));
}

#[test]
fn nothing_is_no_port() {
    for text in ["", "netmap:"] {
        let error = text.parse::<PortName>().unwrap_err();
        assert_eq!(error.position(), text.len());
        assert!(error.message().starts_with("no port; write"), "{error}");
    }
}

#[test]
fn long_names_are_cut_between_characters_in_errors() {
    let error = "aüüüüüüüü".parse::<PortName>().unwrap_err();
    assert_eq!(error.position(), 15);
    let error = "üüüüüüüü".parse::<PortName>().unwrap_err();
    assert_eq!(error.position(), 14);
}

fn kernel_name(name: &PortName) -> String {
    let bytes = name.kernel_name();
    let length = bytes.iter().take_while(|byte| **byte != 0).count();
    let (text, zeros) = bytes.split_at(length);
    assert!(!zeros.is_empty() && zeros.iter().all(|byte| *byte == 0));
    String::from_utf8_lossy(text).into_owned()
}

/// The parts of a name, as text.
#[derive(Clone, Debug)]
struct Parts {
    base: String,
    pipe: Option<(char, String)>,
    rings: Option<(char, Option<u16>)>,
    memory: Option<u16>,
    flags: String,
}

fn parts() -> impl Strategy<Value = Parts> {
    let interface = "[a-uw-z][a-zA-Z0-9_.]{0,14}";
    let port = "vale[a-zA-Z0-9_]{0,11}:[a-zA-Z0-9_.]{1,15}";
    let base = prop_oneof![
        interface.prop_map(String::from),
        port.prop_map(String::from)
    ];
    let pipe = prop::option::of((
        prop::sample::select(vec!['{', '}']),
        "[a-z1-9_][a-zA-Z0-9_]{0,31}",
    ));
    let number = prop::option::of(0..4095_u16);
    let rings = prop::option::of((prop::sample::select(vec!['^', '*', '-']), number));
    let memory = prop::option::of(1..=u16::MAX);
    (base, pipe, rings, memory, "[xtrzRT]{0,4}").prop_map(|(base, pipe, rings, memory, flags)| {
        Parts {
            base,
            pipe,
            rings,
            memory,
            flags,
        }
    })
}

impl Parts {
    fn text(&self) -> String {
        let mut text = self.base.clone();
        if let Some((bracket, id)) = &self.pipe {
            text.extend([bracket.to_string(), id.clone()]);
        }
        if let Some((sign, number)) = self.rings {
            text.push(sign);
            text.extend(number.map(|number| number.to_string()));
        }
        text.extend(self.memory.map(|memory| format!("@{memory}")));
        if !self.flags.is_empty() {
            text.extend(["/", &self.flags]);
        }
        text
    }

    /// What the kernel, and its libraries, have no meaning for.
    fn is_impossible(&self) -> bool {
        let has = |flag| self.flags.contains(flag);
        let host = matches!(self.rings, Some(('^' | '*', _)));
        let watches = has(['t', 'r', 'z'].as_slice());
        (host && (self.pipe.is_some() || self.base.contains(':')))
            || matches!(self.rings, Some(('-', None)) | Some(('*', Some(_))))
            || (has(['R'].as_slice()) && has(['T'].as_slice()))
            || (watches && has(['R', 'T'].as_slice()))
            || (has(['z'].as_slice()) && has(['t'].as_slice()) != has(['r'].as_slice()))
    }
}

proptest! {
    #[test]
    fn the_parts_are_read_as_they_were_put_together(parts in parts()) {
        let text = parts.text();
        let read = text.parse::<PortName>();
        prop_assert_eq!(read.is_err(), parts.is_impossible(), "{}: {:?}", text, read);
        let Ok(name) = read else {
            return Ok(());
        };
        prop_assert_eq!(name.base(), &parts.base);
        let pipe = parts.pipe.map(|(bracket, id)| match bracket {
            '{' => Pipe::Master(id),
            _ => Pipe::Slave(id),
        });
        prop_assert_eq!(name.pipe(), pipe.as_ref());
        prop_assert_eq!(name.rings(), match parts.rings {
            None => Rings::All,
            Some(('^', None)) => Rings::Host,
            Some(('^', Some(number))) => Rings::OneHost(number),
            Some(('*', _)) => Rings::AllAndHost,
            Some((_, number)) => Rings::One(number.unwrap()),
        });
        prop_assert_eq!(name.memory().map(NonZeroU16::get), parts.memory);
        prop_assert_eq!(name.is_exclusive(), parts.flags.contains('x'));
        prop_assert_eq!(name.directions() == Directions::Receive, parts.flags.contains('R'));
        prop_assert_eq!(name.directions() == Directions::Transmit, parts.flags.contains('T'));
        prop_assert_eq!(name.monitor().is_some(), parts.flags.contains(['t', 'r', 'z']));
        let beginning = kernel_name(&name);
        prop_assert!(text.starts_with(&beginning), "{}", beginning);
        prop_assert_eq!(name.to_string().parse::<PortName>().unwrap(), name);
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_character(text in ".{0,24}") {
        match text.parse::<PortName>() {
            Ok(name) => prop_assert_eq!(name.to_string().parse::<PortName>().unwrap(), name),
            Err(error) => prop_assert!(text.is_char_boundary(error.position()), "{}", error),
        }
    }
}
