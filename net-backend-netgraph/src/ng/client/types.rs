//! What nodes of the types can be told and asked that a virtual machine is wired with.

use super::Client;
use crate::ng::bridge::{Config, Host, Link, LinkStats};
use crate::ng::eiface::InterfaceAddress;
use crate::ng::{Address, Command, Error, HookName, bridge, device, eiface, ether, hub};

/// Bridges: ng_bridge(4). The address is that of a node of type `bridge`.
impl Client {
    /// How a bridge behaves.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn bridge_config(&mut self, at: &Address) -> Result<Config, Error> {
        self.question(at, bridge::GET_CONFIG, &[], Config::decode)
    }

    /// Sets how a bridge behaves.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn set_bridge_config(&mut self, at: &Address, config: &Config) -> Result<(), Error> {
        self.tell(at, bridge::SET_CONFIG, &config.encode())
    }

    /// What passed through a link.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); with `ENOTCONN` when there is no such link.
    pub fn bridge_stats(&mut self, at: &Address, link: Link) -> Result<LinkStats, Error> {
        let link = link_number(at, bridge::GET_STATS, link)?;
        self.question(at, bridge::GET_STATS, &link, LinkStats::decode)
    }

    /// Sets a link's counters to 0; gives what they were.
    ///
    /// # Errors
    ///
    /// As [`bridge_stats`](Self::bridge_stats).
    pub fn clear_bridge_stats(&mut self, at: &Address, link: Link) -> Result<LinkStats, Error> {
        let link = link_number(at, bridge::GETCLR_STATS, link)?;
        self.question(at, bridge::GETCLR_STATS, &link, LinkStats::decode)
    }

    /// The hosts that a bridge knows, in no order.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn bridge_table(&mut self, at: &Address) -> Result<Vec<Host>, Error> {
        self.question(at, bridge::GET_TABLE, &[], bridge::decode_table)
    }

    /// Has a bridge forget all hosts and counters.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn reset_bridge(&mut self, at: &Address) -> Result<(), Error> {
        self.tell(at, bridge::RESET, &[])
    }

    /// Has a bridge stay when it loses its last hook. There is no way back but to [shut it down](Self::shut_down).
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn keep_bridge(&mut self, at: &Address) -> Result<(), Error> {
        self.tell(at, bridge::SET_PERSISTENT, &[])
    }

    /// Tells a bridge behind which link a host is. FreeBSD 13.1 and later.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell); with `ENOENT` when there is no such link, `ELOOP` when the host was moved a moment ago.
    pub fn move_bridge_host(
        &mut self,
        at: &Address,
        host: [u8; 6],
        hook: &HookName,
    ) -> Result<(), Error> {
        self.tell(at, bridge::MOVE_HOST, &bridge::move_host(host, hook))
    }

    /// Has a hub (ng_hub(4)) stay when it loses its last hook. There is no way back but to
    /// [shut it down](Self::shut_down).
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn keep_hub(&mut self, at: &Address) -> Result<(), Error> {
        self.tell(at, hub::SET_PERSISTENT, &[])
    }
}

/// Interfaces and devices that are nodes: ng_eiface(4) and ng_device(4). The address is that of a node of type `eiface`
/// or `device`.
impl Client {
    /// The name of the interface, `ngeth0`.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn eiface_name(&mut self, at: &Address) -> Result<String, Error> {
        self.question(at, eiface::GET_IFNAME, &[], eiface::decode_name)
    }

    /// The addresses of the interface, of all families.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn eiface_addresses(&mut self, at: &Address) -> Result<Vec<InterfaceAddress>, Error> {
        self.question(at, eiface::GET_IFADDRS, &[], eiface::decode_addresses)
    }

    /// Sets the Ethernet address of the interface.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell); with `EINVAL` for the address of a group.
    pub fn set_eiface_mac(&mut self, at: &Address, mac: [u8; 6]) -> Result<(), Error> {
        self.tell(at, eiface::SET, &mac)
    }

    /// The name of the device, `ngd0`, which is in `/dev`.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn device_name(&mut self, at: &Address) -> Result<String, Error> {
        self.question(at, device::GET_DEVNAME, &[], device::decode_name)
    }
}

/// Nodes of Ethernet interfaces: ng_ether(4). The address is that of a node of type `ether`, `em0:`.
impl Client {
    /// The name of the interface, `em0`.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn ether_name(&mut self, at: &Address) -> Result<String, Error> {
        self.question(at, ether::GET_IFNAME, &[], ether::decode_name)
    }

    /// The number of the interface.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn ether_index(&mut self, at: &Address) -> Result<u32, Error> {
        self.question(at, ether::GET_IFINDEX, &[], ether::decode_number)
    }

    /// The Ethernet address of the interface.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn ether_mac(&mut self, at: &Address) -> Result<[u8; 6], Error> {
        self.question(at, ether::GET_ENADDR, &[], ether::decode_mac)
    }

    /// Sets the Ethernet address of the interface.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn set_ether_mac(&mut self, at: &Address, mac: [u8; 6]) -> Result<(), Error> {
        self.tell(at, ether::SET_ENADDR, &mac)
    }

    /// Whether the node has the interface take frames to everybody.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn promiscuous(&mut self, at: &Address) -> Result<bool, Error> {
        Ok(self.question(at, ether::GET_PROMISC, &[], ether::decode_number)? != 0)
    }

    /// Has the interface take frames to everybody, or not.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn set_promiscuous(&mut self, at: &Address, promiscuous: bool) -> Result<(), Error> {
        let arguments = ether::number(u32::from(promiscuous));
        self.tell(at, ether::SET_PROMISC, &arguments)
    }

    /// Whether frames that come from the hook `lower` get the interface's source address.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn auto_source(&mut self, at: &Address) -> Result<bool, Error> {
        Ok(self.question(at, ether::GET_AUTOSRC, &[], ether::decode_number)? != 0)
    }

    /// Has frames that come from the hook `lower` get the interface's source address, or keep theirs, which is needed
    /// behind a bridge.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn set_auto_source(&mut self, at: &Address, auto_source: bool) -> Result<(), Error> {
        let arguments = ether::number(u32::from(auto_source));
        self.tell(at, ether::SET_AUTOSRC, &arguments)
    }

    /// Has the interface take frames to a group, once.
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell); with `EADDRINUSE` when it does already.
    pub fn join_group(&mut self, at: &Address, group: [u8; 6]) -> Result<(), Error> {
        self.tell(at, ether::ADD_MULTI, &group)
    }

    /// Ends [`join_group`](Self::join_group).
    ///
    /// # Errors
    ///
    /// As [`tell`](Self::tell).
    pub fn leave_group(&mut self, at: &Address, group: [u8; 6]) -> Result<(), Error> {
        self.tell(at, ether::DEL_MULTI, &group)
    }
}

/// The argument of a question about a link.
fn link_number(at: &Address, command: Command, link: Link) -> Result<Vec<u8>, Error> {
    link.encode()
        .map_err(|problem| Error::name(command.name, at, problem))
}
