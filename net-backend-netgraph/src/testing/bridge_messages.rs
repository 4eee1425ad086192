//! Messages of nodes of type bridge: `ng_bridge_rcvmsg` in sys/netgraph/ng_bridge.c.

use rustix::io::Errno;

use super::bridge::{Config, MOVE_HOST, Stats};
use super::graph::{Answer, Graph, NodeId};
use super::item::Envelope;
use super::message::{Message, NAME, cookie, field, number};

const SET_CONFIG: u32 = 1;
const GET_CONFIG: u32 = 2;
const RESET: u32 = 3;
const GET_STATS: u32 = 4;
const CLR_STATS: u32 = 5;
const GETCLR_STATS: u32 = 6;
const GET_TABLE: u32 = 7;
const SET_PERSISTENT: u32 = 8;

impl Graph {
    /// `ng_bridge_rcvmsg`; the answer, if there is one.
    pub(super) fn bridge_message(
        &mut self,
        id: NodeId,
        envelope: &Envelope,
    ) -> Answer<Option<Vec<u8>>> {
        let message = &envelope.message;
        if message.cookie != cookie::BRIDGE {
            return Err(Errno::INVAL);
        }
        let arguments = message.arguments.as_slice();
        match message.command {
            GET_STATS | CLR_STATS | GETCLR_STATS => return self.bridge_stats(id, message),
            GET_TABLE => return self.bridge_table(id).map(Some),
            MOVE_HOST => {
                let address = arguments.first_chunk::<6>().ok_or(Errno::INVAL)?;
                let name = arguments.get(6..6 + NAME).ok_or(Errno::INVAL)?;
                let hook = match name.first() {
                    Some(0) => envelope.hook,
                    _ => self.find_hook(id, super::message::until_nul(name)),
                };
                let hook = hook.ok_or(Errno::NOENT)?;
                return self.bridge(id)?.put(*address, hook).map(|()| None);
            }
            _ => {}
        }
        let bridge = self.bridge(id)?;
        match message.command {
            GET_CONFIG => return Ok(Some(bridge.config.bytes())),
            SET_CONFIG => bridge.config = Config::parse(arguments).ok_or(Errno::INVAL)?,
            RESET => {
                bridge.hosts.clear();
                for link in bridge.links.values_mut() {
                    link.muted = 0;
                    link.stats = Stats::default();
                }
            }
            SET_PERSISTENT => bridge.is_persistent = true,
            _ => return Err(Errno::INVAL),
        }
        Ok(None)
    }

    fn bridge_stats(&mut self, id: NodeId, message: &Message) -> Answer<Option<Vec<u8>>> {
        if message.arguments.len() != size_of::<u32>() {
            return Err(Errno::INVAL);
        }
        let link = number(&message.arguments, 0).ok_or(Errno::INVAL)?;
        // Negative numbers are uplinks.
        let name = match link >> 31 {
            0 => format!("link{link}"),
            _ => format!("uplink{}", link.wrapping_neg()),
        };
        let hook = self.find_hook(id, name.as_bytes());
        let hook = hook.ok_or(Errno::NOTCONN)?;
        let bridge = self.bridge(id)?;
        let link = bridge.links.get_mut(&hook).ok_or(Errno::NOTCONN)?;
        let answer = (message.command != CLR_STATS).then(|| link.stats.bytes());
        if message.command != GET_STATS {
            link.stats = Stats::default();
        }
        Ok(answer)
    }

    /// `struct ng_bridge_host_ary`.
    fn bridge_table(&mut self, id: NodeId) -> Answer<Vec<u8>> {
        let bridge = self.bridge(id)?;
        let count = u32::try_from(bridge.hosts.len()).unwrap_or(u32::MAX);
        let hosts = std::mem::take(&mut bridge.hosts);
        let mut table = count.to_ne_bytes().to_vec();
        for host in &hosts {
            let hook = self.hooks.get(&host.link);
            table.extend(host.address);
            table.extend(field(hook.map_or(b"", |hook| hook.name.as_slice()), NAME));
            table.extend(host.age.to_ne_bytes());
            table.extend(host.staleness.to_ne_bytes());
        }
        self.bridge(id)?.hosts = hosts;
        Ok(table)
    }
}

impl Config {
    fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![self.debug_level, 0, 0, 0];
        for value in [self.loop_timeout, self.max_staleness, self.min_stable_age] {
            bytes.extend(value.to_ne_bytes());
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 16] = bytes.try_into().ok()?;
        Some(Self {
            debug_level: *bytes.first()?,
            loop_timeout: number(bytes, 4)?,
            max_staleness: number(bytes, 8)?,
            min_stable_age: number(bytes, 12)?,
        })
    }
}

impl Stats {
    fn bytes(&self) -> Vec<u8> {
        let values = [
            self.received_octets,
            self.received_packets,
            self.received_multicasts,
            self.received_broadcasts,
            self.received_unknown,
            self.received_runts,
            self.received_invalid,
            self.sent_octets,
            self.sent_packets,
            self.sent_multicasts,
            self.sent_broadcasts,
            self.loop_drops,
            self.loop_detects,
            self.memory_failures,
        ];
        values.map(u64::to_ne_bytes).concat()
    }
}
