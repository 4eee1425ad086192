//! `NIOCCTRL` (`netmap_ioctl`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::body::{ACCEPTS_HEADER, Register};
use super::bytes::{put, u16_at, u32_at};
use super::port::{Kind, Port};
use super::ready::Readiness;
use super::register::Bound;
use super::state::{NAME, Purpose, State};
use super::vale::PLACES;
use crate::abi::{BODY_BYTES, HEADER_BYTES};

// struct nmreq_header
const VERSION: usize = 0;
const TYPE: usize = 2;
const RESERVED: usize = 4;
const NAME_AT: usize = 8;
const NAME_BYTES: usize = 64;

/// Versions that kernels take.
const VERSIONS: std::ops::RangeInclusive<u16> = 14..=15;

/// `NM_BDG_NOPORT`.
const NO_PORT: u32 = 255;

/// The type of a request, as it stands in the header.
pub(super) fn kind(header: &[u8; HEADER_BYTES]) -> u16 {
    u16_at(header, TYPE)
}

/// The name in a header.
pub(super) fn name(header: &[u8; HEADER_BYTES]) -> String {
    let bytes = header.get(NAME_AT..NAME_AT + NAME_BYTES - 1);
    let bytes = bytes.unwrap_or_default();
    let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

impl State {
    /// Does what a request asks for. Its body is as before after an error.
    pub(super) fn request(
        &mut self,
        header: &mut [u8; HEADER_BYTES],
        body: &mut [u8; BODY_BYTES],
        is_bound: bool,
        waiter: &Arc<Readiness>,
    ) -> Result<Option<Bound>, Errno> {
        if !VERSIONS.contains(&u16_at(header, VERSION)) || u32_at(header, RESERVED) != 0 {
            return Err(Errno::INVAL);
        }
        let name = name(header);
        match kind(header) {
            1 if is_bound => return Err(Errno::BUSY),
            1 => return self.register(&name, body, waiter).map(Some),
            2 => self.information(&name, body)?,
            3 => self.attach(&name, body)?,
            4 => self.detach(&name, body)?,
            5 => self.list(&name, header, body)?,
            6 => self.set_header(&name, body)?,
            7 => self.header(&name, body)?,
            8 => {
                let mut register = Register::for_interface(body);
                let made = self.new_interface_of(&name, &mut register, false);
                // What exists is described, but nothing comes back with an error.
                made?;
                register.write_interface(body);
            }
            9 => self.delete_interface(&name)?,
            10 | 11 => self.polling(&name)?,
            12 => self.pools(&name, body)?,
            _ => return Err(Errno::INVAL),
        }
        Ok(None)
    }

    fn register(
        &mut self,
        name: &str,
        body: &mut [u8; BODY_BYTES],
        waiter: &Arc<Readiness>,
    ) -> Result<Bound, Errno> {
        let mut register = Register::read(body);
        let memory = match register.memory {
            0 => None,
            id => Some(self.memory(id)?),
        };
        let port = self.port(name, &mut register, memory, true)?;
        let accepts = register.flags & ACCEPTS_HEADER != 0;
        let bound = if port.is_busy.load(Ordering::Relaxed) {
            Err(Errno::BUSY)
        } else if port.header.load(Ordering::Relaxed) != 0 && !accepts {
            Err(Errno::IO)
        } else {
            self.bind(&port, &mut register, waiter)
        };
        match bound {
            Ok(bound) => {
                register.write(body);
                Ok(bound)
            }
            Err(error) => {
                self.put(&port);
                Err(error)
            }
        }
    }

    /// `NETMAP_REQ_PORT_INFO_GET`. A VALE port that does not exist is made for the answer, and goes again.
    fn information(&mut self, name: &str, body: &mut [u8; BODY_BYTES]) -> Result<(), Errno> {
        let mut register = Register::for_information(body);
        if name.is_empty() {
            let memory = self.memory(register.memory.max(1))?;
            register.memory_size = memory.region.length() as u64;
            register.memory = memory.id;
        } else {
            let port = self.port(name, &mut register, None, true)?;
            register.describe(&port);
            self.put(&port);
        }
        register.write_information(body);
        Ok(())
    }

    /// `NETMAP_REQ_VALE_ATTACH` (`netmap_bdg_attach`).
    fn attach(&mut self, name: &str, body: &mut [u8; BODY_BYTES]) -> Result<(), Errno> {
        let mut register = Register::read(body);
        let memory = match register.memory {
            0 => None,
            id => Some(self.memory(id)?),
        };
        if let Ok(Some(port)) =
            self.vale(name, &mut register, memory.as_ref(), false, Purpose::Attach)
        {
            self.put(&port);
            return Err(Errno::BUSY);
        }
        let port = self.vale(name, &mut register, memory.as_ref(), true, Purpose::Attach)?;
        let port = port.ok_or(Errno::INVAL)?;
        if port.is_owned() && !matches!(port.kind, Kind::Wrap(_)) {
            self.put(&port);
            return Err(Errno::BUSY);
        }
        let index = port.place.read().as_ref().map_or(0, |place| place.index);
        put(
            body,
            56,
            u32::try_from(index).unwrap_or(NO_PORT).to_ne_bytes(),
        );
        Ok(())
    }

    /// `NETMAP_REQ_VALE_DETACH` (`netmap_bdg_detach_locked`).
    fn detach(&mut self, name: &str, body: &mut [u8; BODY_BYTES]) -> Result<(), Errno> {
        let mut register = Register::default();
        let port = self.vale(name, &mut register, None, false, Purpose::Detach)?;
        let port = port.ok_or(Errno::INVAL)?;
        let place = port.place.read().clone();
        let index = place.as_ref().map_or(0, |place| place.index);
        match (&port.kind, place) {
            (Kind::Vale { is_interface: true }, Some(place)) => {
                place.switch.members.write().remove(place.index);
                *port.place.write() = None;
                self.forget_empty();
            }
            (Kind::Wrap(wrap), _) if !wrap.is_host => self.unwrap(&wrap.nic),
            _ => {
                // Ports that registering made have nothing to be detached from (na_vp).
                self.put(&port);
                return Err(Errno::BUSY);
            }
        }
        self.put(&port);
        self.put(&port);
        put(
            body,
            0,
            u32::try_from(index).unwrap_or(NO_PORT).to_ne_bytes(),
        );
        Ok(())
    }

    /// `NETMAP_REQ_VALE_LIST` (`netmap_vale_list`).
    fn list(
        &mut self,
        name: &str,
        header: &mut [u8; HEADER_BYTES],
        body: &mut [u8; BODY_BYTES],
    ) -> Result<(), Errno> {
        if !name.is_empty() {
            return self.find(name, body);
        }
        let (first, mut index) = (u16_at(body, 0), u32_at(body, 4) as usize);
        self.forget_empty();
        let mut switches = self.switches.clone();
        switches.sort_by_key(|switch| switch.number);
        for switch in switches.iter().filter(|switch| switch.number >= first) {
            if switch.number > first {
                index = 0;
            }
            let members = switch.members.read();
            let found = (index..PLACES).find_map(|at| Some((at, members.at(at)?)));
            let Some((at, port)) = found else {
                continue;
            };
            let mut bytes = [0; NAME_BYTES];
            for (to, from) in bytes
                .iter_mut()
                .take(NAME_BYTES - 1)
                .zip(port.name().bytes())
            {
                *to = from;
            }
            put(header, NAME_AT, bytes);
            put(body, 0, switch.number.to_ne_bytes());
            put(body, 4, u32::try_from(at).unwrap_or(NO_PORT).to_ne_bytes());
            return Ok(());
        }
        Err(Errno::NOENT)
    }

    fn find(&mut self, name: &str, body: &mut [u8; BODY_BYTES]) -> Result<(), Errno> {
        if !name.starts_with("vale") {
            return Err(Errno::INVAL);
        }
        let switch = self.known_switch(name).ok_or(Errno::NOENT)?;
        let members = switch.members.read();
        let found = members.iter().find(|(_, port)| *port.name.lock() == name);
        let index = found.and_then(|(index, _)| u32::try_from(index).ok());
        put(body, 0, switch.number.to_ne_bytes());
        put(body, 4, index.unwrap_or(NO_PORT).to_ne_bytes());
        Ok(())
    }

    /// `NETMAP_REQ_PORT_HDR_SET`: for ports that are in a switch. A port that ever had a header takes frames as long as
    /// its buffers.
    fn set_header(&mut self, name: &str, body: &[u8; BODY_BYTES]) -> Result<(), Errno> {
        let length = u32_at(body, 0);
        if !matches!(length, 0 | 10 | 12) {
            return Err(Errno::INVAL);
        }
        let mut register = Register::default();
        let port = self.vale(name, &mut register, None, false, Purpose::Register);
        let port = port?.ok_or(Errno::NXIO)?;
        port.header.store(length, Ordering::Relaxed);
        if length != 0 {
            let size = port.memory().buffer_size();
            let size = u32::try_from(size).unwrap_or(u32::MAX);
            port.largest.store(size, Ordering::Relaxed);
        }
        self.put(&port);
        Ok(())
    }

    fn header(&mut self, name: &str, body: &mut [u8; BODY_BYTES]) -> Result<(), Errno> {
        let mut register = Register {
            mode: 1,
            ..Register::default()
        };
        let port = self.port(name, &mut register, None, false)?;
        put(body, 0, port.header.load(Ordering::Relaxed).to_ne_bytes());
        self.put(&port);
        Ok(())
    }

    /// Makes a VALE port that is an interface, in no switch yet (`netmap_vi_create`).
    pub(super) fn new_interface(
        &mut self,
        name: &str,
        register: &Register,
        is_temporary: bool,
    ) -> Result<(), Errno> {
        self.new_interface_of(name, &mut register.clone(), is_temporary)
    }

    fn new_interface_of(
        &mut self,
        name: &str,
        register: &mut Register,
        is_temporary: bool,
    ) -> Result<(), Errno> {
        if name.starts_with("vale") || name.len() >= NAME {
            return Err(Errno::INVAL);
        }
        if let Some(port) = self.interfaces.get(name) {
            register.describe(port);
            return Err(Errno::EXIST);
        }
        let memory = match register.memory {
            0 => None,
            id => Some(self.memory(id)?),
        };
        let port = self.new_vale(name, register, memory.as_ref(), true)?;
        if !is_temporary {
            port.hold();
        }
        register.describe(&port);
        self.interfaces.insert(name.to_owned(), port);
        Ok(())
    }

    /// Deletes one that nobody uses (`nm_vi_destroy`).
    fn delete_interface(&mut self, name: &str) -> Result<(), Errno> {
        let port: Arc<Port> = self.interfaces.get(name).cloned().ok_or(Errno::NXIO)?;
        if !matches!(port.kind, Kind::Vale { .. }) {
            return Err(Errno::INVAL);
        }
        if port.is_owned() || port.references.load(Ordering::Relaxed) > 1 {
            return Err(Errno::BUSY);
        }
        self.interfaces.remove(name);
        self.put(&port);
        Ok(())
    }

    /// `NETMAP_REQ_VALE_POLLING_ENABLE` and `_DISABLE`: for NICs in a switch, where nothing changes.
    fn polling(&mut self, name: &str) -> Result<(), Errno> {
        let mut register = Register::default();
        let port = self.vale(name, &mut register, None, false, Purpose::Register)?;
        let port = port.ok_or(Errno::INVAL)?;
        let is_wrap = matches!(port.kind, Kind::Wrap(_));
        self.put(&port);
        if is_wrap {
            Ok(())
        } else {
            Err(Errno::OPNOTSUPP)
        }
    }

    /// `NETMAP_REQ_POOLS_INFO_GET`.
    fn pools(&mut self, name: &str, body: &mut [u8; BODY_BYTES]) -> Result<(), Errno> {
        let mut register = Register {
            memory: u16_at(body, 8),
            mode: 1,
            ..Register::default()
        };
        let port = self.port(name, &mut register, None, true)?;
        let memory = port.memory();
        put(body, 0, (memory.region.length() as u64).to_ne_bytes());
        put(body, 8, memory.id.to_ne_bytes());
        let pools = [&memory.interfaces, &memory.rings, &memory.buffers];
        for (pool, at) in pools.into_iter().zip([16, 32, 48]) {
            put(body, at, (pool.base as u64).to_ne_bytes());
            put(body, at + 8, pool.total.to_ne_bytes());
            let size = u32::try_from(pool.size).unwrap_or(u32::MAX);
            put(body, at + 12, size.to_ne_bytes());
        }
        self.put(&port);
        Ok(())
    }
}
