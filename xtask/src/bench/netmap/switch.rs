//! A real VALE switch and a real pipe, with the library or with netmap's own program at one end.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use net_backend::bench::{self, Clock, Contestant, LeftOut, Unit};

use super::super::MakeCase;
use super::super::case::{Case, LIBRARY, Who};
use super::super::field::Section;
use super::ends::{End, PacketGenerator, Role, Thread};

/// Bytes of a frame without its checksum: the shortest.
const LENGTH: usize = 60;
/// CPUs of the two ends: what takes turns on one shows nothing, since a switch drops what finds no room.
const CPUS: [usize; 2] = [0, 1];

/// All cases of this file; none, with the reason, where they are not possible.
pub(super) fn section() -> Section {
    let program = match Path::new("/dev/netmap").exists() {
        true => PacketGenerator::find().ok_or("it is neither in PATH nor in NET_BACKEND_PKT_GEN"),
        false => Err("there is no /dev/netmap"),
    };
    let cases = |program: PathBuf| -> Vec<MakeCase> {
        let both =
            [Role::Sender, Role::Receiver].map(|role| [(role, Wire::Switch), (role, Wire::Pipe)]);
        let cases = both.into_iter().flatten().map(|(role, wire)| -> MakeCase {
            let program = program.clone();
            Box::new(move || Ok(Box::new(Switch::new(role, wire, &program))))
        });
        cases.collect()
    };
    match program {
        Ok(program) => Section::of(cases(program)),
        Err(why) => Section {
            cases: Vec::new(),
            left_out: vec![LeftOut {
                what: "netmap's pkt-gen on a real switch".to_owned(),
                why: why.to_owned(),
                is_failure: false,
            }],
        },
    }
}

/// What is between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    /// What finds no room is lost.
    Switch,
    /// Who finds no room waits.
    Pipe,
}

impl Wire {
    /// The ports, the near one first.
    fn ports(self) -> [&'static str; 2] {
        match self {
            Self::Switch => ["vale7:near", "vale7:far"],
            Self::Pipe => ["vale7:both{1", "vale7:both}1"],
        }
    }
}

struct Switch {
    role: Role,
    wire: Wire,
    program: PathBuf,
    near: Option<Box<dyn End>>,
    far: Option<Thread>,
    /// What the library sent, and how much of it arrived.
    sent: (u64, u64),
    /// What the receiver had received.
    before: u64,
}

impl Switch {
    fn new(role: Role, wire: Wire, program: &Path) -> Self {
        Self {
            role,
            wire,
            sent: (0, 0),
            program: program.to_owned(),
            near: None,
            far: None,
            before: 0,
        }
    }

    /// What has arrived, wherever the receiver is.
    fn delivered(&mut self) -> Result<u64> {
        match (self.role, &mut self.far, &mut self.near) {
            (Role::Sender, Some(far), _) => far.count(),
            (Role::Receiver, _, Some(near)) => near.count(),
            _ => Ok(0),
        }
    }
}

impl Case for Switch {
    fn name(&self) -> String {
        let what = match self.role {
            Role::Sender => "send",
            Role::Receiver => "receive",
        };
        match self.wire {
            Wire::Switch => format!("netmap {what} {LENGTH} bytes, switch"),
            Wire::Pipe => format!("netmap {what} {LENGTH} bytes, pipe"),
        }
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn clock(&self) -> Clock {
        Clock::Wall
    }

    /// One run is long enough.
    fn duration(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn contestants(&self) -> Vec<Contestant> {
        vec![
            Contestant::new("library, in one thread", bench::Role::Library),
            Contestant::new("pkt-gen", bench::Role::Peer),
        ]
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks =
            vec!["rates of frames that arrived, on two CPUs whatever else is measured".to_owned()];
        if let (sent @ 1.., arrived) = self.sent {
            remarks.push(format!(
                "the library sent {sent} frames, of which {arrived} arrived"
            ));
        }
        remarks
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        let other = match self.role {
            Role::Sender => Role::Receiver,
            Role::Receiver => Role::Sender,
        };
        let [near, far] = self.wire.ports();
        self.near = None;
        if self.far.is_none() {
            self.far = Some(Thread::start(far, other, LENGTH, CPUS[0])?);
        }
        self.near = Some(match contestant {
            LIBRARY => Box::new(Thread::start(near, self.role, LENGTH, CPUS[1])?),
            _ => Box::new(PacketGenerator::start(
                &self.program,
                near,
                self.role,
                LENGTH,
                CPUS[1],
            )?),
        });
        // Until it is at full speed.
        thread::sleep(Duration::from_millis(1500));
        self.before = self.delivered()?;
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let is_counted = self.role == Role::Sender && contestant == LIBRARY;
        let sent = |near: &mut Option<Box<dyn End>>| match near {
            Some(near) if is_counted => near.count(),
            _ => Ok(0),
        };
        let before = sent(&mut self.near)?;
        if self.role == Role::Sender || contestant == LIBRARY {
            thread::sleep(Duration::from_secs(1));
        }
        let sent = sent(&mut self.near)? - before;
        let delivered = self.delivered()?.saturating_sub(self.before);
        if is_counted {
            self.sent = (self.sent.0 + sent, self.sent.1 + delivered);
        }
        Ok(delivered)
    }
}
