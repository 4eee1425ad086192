//! Nodes of type bridge: sys/netgraph/ng_bridge.c as of FreeBSD 14.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::io::Errno;

use super::graph::{Answer, Graph, HookId, NodeId};
use super::item::{Envelope, Item};
use super::kind::Kind;
use super::message::{Message, NAME, cookie, field};

/// `struct ng_bridge_private`.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) config: Config,
    pub(super) hosts: Vec<Host>,
    pub(super) links: BTreeMap<HookId, Link>,
    pub(super) is_persistent: bool,
    /// Whether links get frames for unknown hosts; not when an uplink came first.
    pub(super) sends_unknown: bool,
    pub(super) made: Duration,
    /// Seconds since then that were dealt with.
    pub(super) ticks: u64,
}

/// `struct ng_bridge_config`, times in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Config {
    pub(super) debug_level: u8,
    pub(super) loop_timeout: u32,
    pub(super) max_staleness: u32,
    pub(super) min_stable_age: u32,
}

#[derive(Debug)]
pub(super) struct Host {
    pub(super) address: [u8; 6],
    pub(super) link: HookId,
    pub(super) age: u16,
    pub(super) staleness: u16,
}

#[derive(Debug, Default)]
pub(super) struct Link {
    number: u32,
    /// Not of uplinks.
    pub(super) learns: bool,
    pub(super) sends_unknown: bool,
    /// Seconds that it stays muted.
    pub(super) muted: u16,
    pub(super) stats: Stats,
}

/// `struct ng_bridge_link_stats`.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) received_octets: u64,
    pub(super) received_packets: u64,
    pub(super) received_multicasts: u64,
    pub(super) received_broadcasts: u64,
    pub(super) received_unknown: u64,
    pub(super) received_runts: u64,
    pub(super) received_invalid: u64,
    pub(super) sent_octets: u64,
    pub(super) sent_packets: u64,
    pub(super) sent_multicasts: u64,
    pub(super) sent_broadcasts: u64,
    pub(super) loop_drops: u64,
    pub(super) loop_detects: u64,
    pub(super) memory_failures: u64,
}

/// Whom a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    One,
    Group,
    All,
}

/// `NGM_BRIDGE_MOVE_HOST`.
pub(super) const MOVE_HOST: u32 = 9;

impl Bridge {
    /// `ng_bridge_constructor`.
    pub(super) fn new(made: Duration) -> Self {
        Self {
            config: Config {
                debug_level: 1,
                loop_timeout: 60,
                max_staleness: 15 * 60,
                min_stable_age: 1,
            },
            hosts: Vec::new(),
            links: BTreeMap::new(),
            is_persistent: false,
            sends_unknown: true,
            made,
            ticks: 0,
        }
    }

    /// `ng_bridge_newhook`; returns the name of the hook. Numbers are written as `%u` writes them; without one, it may
    /// get the lowest that is free.
    pub(super) fn admit(
        &mut self,
        hook: HookId,
        name: &[u8],
        numbers_names: bool,
        is_loop: bool,
    ) -> Answer<Vec<u8>> {
        let is_uplink = name.first() == Some(&b'u');
        let prefix = if is_uplink { "uplink" } else { "link" };
        let digits = name.strip_prefix(prefix.as_bytes()).ok_or(Errno::INVAL)?;
        let digits = std::str::from_utf8(digits).map_err(|_| Errno::INVAL)?;
        let number = match digits {
            "" if numbers_names => self.free_number(is_uplink),
            _ => digits.parse().map_err(|_| Errno::INVAL)?,
        };
        let is_canonical = digits.is_empty() || number.to_string() == digits;
        if !is_canonical || (number == 0 && is_uplink) {
            return Err(Errno::INVAL);
        }
        if is_loop {
            return Err(Errno::LOOP);
        }
        if is_uplink && self.links.is_empty() {
            self.sends_unknown = false;
        }
        let link = Link {
            number,
            learns: !is_uplink,
            sends_unknown: is_uplink || self.sends_unknown,
            ..Link::default()
        };
        self.links.insert(hook, link);
        Ok(format!("{prefix}{number}").into_bytes())
    }

    fn free_number(&self, is_uplink: bool) -> u32 {
        let is_taken = |number: &u32| {
            let mut links = self.links.values();
            links.any(|link| link.learns != is_uplink && link.number == *number)
        };
        let mut numbers = u32::from(is_uplink)..;
        numbers.find(|number| !is_taken(number)).unwrap_or_default()
    }

    pub(super) fn remove_link(&mut self, hook: HookId) {
        self.hosts.retain(|host| host.link != hook);
        self.links.remove(&hook);
    }

    /// `ng_bridge_timeout`, for the seconds that went by.
    fn tick(&mut self, now: Duration) {
        let due = now.saturating_sub(self.made).as_secs();
        for _ in self.ticks..due {
            let most = self.config.max_staleness;
            self.hosts.retain_mut(|host| {
                host.staleness = host.staleness.wrapping_add(1);
                host.age = host.age.saturating_add(1);
                u32::from(host.staleness) < most
            });
            for link in self.links.values_mut() {
                link.muted = link.muted.saturating_sub(1);
            }
        }
        self.ticks = due;
    }

    fn host(&mut self, address: &[u8]) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| host.address == address)
    }

    /// `ng_bridge_put`.
    pub(super) fn put(&mut self, address: [u8; 6], link: HookId) -> Answer {
        let config = self.config;
        let Some(host) = self.host(&address) else {
            self.hosts.push(Host {
                address,
                link,
                age: 0,
                staleness: 0,
            });
            return Ok(());
        };
        if host.link == link {
            return Ok(());
        }
        if u32::from(host.age) >= config.min_stable_age {
            host.link = link;
            host.age = 0;
            return Ok(());
        }
        let [low, high, ..] = config.loop_timeout.to_le_bytes();
        if let Some(link) = self.links.get_mut(&link) {
            link.muted = u16::from_le_bytes([low, high]);
            link.stats.loop_detects += 1;
        }
        self.hosts.retain(|host| host.link != link);
        Err(Errno::LOOP)
    }

    /// The first half of `ng_bridge_rcvdata`: counts a frame; whom it is for.
    fn look_at(&mut self, from: HookId, frame: &[u8]) -> Answer<Audience> {
        let link = self.links.get_mut(&from).ok_or(Errno::IO)?;
        let stats = &mut link.stats;
        let Some((to, source)) = frame.get(..14).map(|header| header.split_at(6)) else {
            stats.received_runts += 1;
            return Err(Errno::INVAL);
        };
        let is_group = |address: &[u8]| address.first().is_some_and(|byte| byte & 1 != 0);
        if is_group(source) {
            stats.received_invalid += 1;
            return Err(Errno::INVAL);
        }
        if link.muted != 0 {
            stats.loop_drops += 1;
            return Err(Errno::LOOP);
        }
        stats.received_packets += 1;
        stats.received_octets += frame.len() as u64;
        Ok(if to == [0xff; 6] {
            stats.received_broadcasts += 1;
            Audience::All
        } else if is_group(to) {
            stats.received_multicasts += 1;
            Audience::Group
        } else {
            Audience::One
        })
    }

    /// Whether the host has to be learned from a frame; an error when it moved too soon.
    fn learn(&mut self, from: HookId, source: &[u8]) -> (bool, Answer) {
        let stable = self.config.min_stable_age;
        let learns = self.links.get(&from).is_some_and(|link| link.learns);
        let Some(host) = self.host(source) else {
            return (learns, Ok(()));
        };
        host.staleness = 0;
        if host.link == from {
            return (false, Ok(()));
        }
        if u32::from(host.age) >= stable {
            return (true, Ok(()));
        }
        if let Some(link) = self.links.get_mut(&from) {
            link.stats.loop_drops += 1;
        }
        (true, Err(Errno::LOOP))
    }

    /// Where a frame goes. `hooks` are those of the node.
    fn route(
        &mut self,
        from: HookId,
        to: &[u8],
        audience: Audience,
        hooks: &[HookId],
    ) -> Vec<HookId> {
        if audience == Audience::One {
            if let Some(host) = self.host(to) {
                let link = host.link;
                return Vec::from_iter((link != from).then_some(link));
            }
            if let Some(link) = self.links.get_mut(&from) {
                link.stats.received_unknown += 1;
            }
        }
        let takes = |hook: &&HookId| {
            let link = self.links.get(hook);
            **hook != from
                && link.is_some_and(|link| audience != Audience::One || link.sends_unknown)
        };
        let mut links: Vec<_> = hooks.iter().filter(takes).copied().collect();
        // The first one gets the original, after the copies.
        if !links.is_empty() {
            links.rotate_left(1);
        }
        links
    }

    fn count_sent(&mut self, hook: HookId, length: usize, audience: Audience) {
        let Some(link) = self.links.get_mut(&hook) else {
            return;
        };
        link.stats.sent_packets += 1;
        link.stats.sent_octets += length as u64;
        match audience {
            Audience::One => {}
            Audience::Group => link.stats.sent_multicasts += 1,
            Audience::All => link.stats.sent_broadcasts += 1,
        }
    }
}

impl Graph {
    /// `ng_bridge_rcvdata`.
    pub(super) fn bridge_frame(&mut self, id: NodeId, from: HookId, frame: &[u8]) -> Answer {
        let hooks = self.nodes.get(&id).map(|node| node.hooks.clone());
        let hooks = hooks.unwrap_or_default();
        let bridge = self.bridge(id)?;
        let audience = bridge.look_at(from, frame)?;
        let (to, rest) = frame.split_at_checked(6).unwrap_or_default();
        let source = rest.first_chunk::<6>().ok_or(Errno::INVAL)?;
        let (moves, result) = bridge.learn(from, source);
        if moves {
            self.move_host(id, from, *source);
        }
        result?;
        let links = self.bridge(id)?.route(from, to, audience, &hooks);
        let mut result = Ok(());
        for hook in links {
            match self.forward(hook, frame) {
                Ok(()) => self.bridge(id)?.count_sent(hook, frame.len(), audience),
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// A bridge learns by a message to itself, when nobody reads its table.
    fn move_host(&mut self, id: NodeId, from: HookId, address: [u8; 6]) {
        let name = self.hooks.get(&from).map(|hook| hook.name.clone());
        let mut arguments = address.to_vec();
        arguments.extend(field(&name.unwrap_or_default(), NAME));
        let envelope = Envelope {
            message: Message::new(cookie::BRIDGE, MOVE_HOST, arguments),
            hook: None,
            from: id,
        };
        let result = self.give(id, Item::Message(envelope), false);
        if let (Err(_), Ok(bridge)) = (result, self.bridge(id)) {
            if let Some(link) = bridge.links.get_mut(&from) {
                link.stats.memory_failures += 1;
            }
        }
    }

    /// A bridge, with its clock set.
    pub(super) fn bridge(&mut self, id: NodeId) -> Answer<&mut Bridge> {
        let now = self.uptime();
        match self.nodes.get_mut(&id).map(|node| &mut node.kind) {
            Some(Kind::Bridge(bridge)) => {
                bridge.tick(now);
                Ok(bridge)
            }
            _ => Err(Errno::INVAL),
        }
    }
}
