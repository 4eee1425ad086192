use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::Arc;

use net_backend_core::{
    ConfigError, ConfigProblem, Connection, ConnectionDirection, ConnectionProtocol, Forwarding,
    PortForwarding, Result, Uri,
};

use crate::config::SlirpConfig;
use crate::forward::{HostForwardKey, Transport};
use crate::network::Network;
use crate::sockets::OpenSocket;
use crate::stack::Stack;
use crate::sys::sockets::{self, SocketAddress};

/// The forwarded ports of a network.
pub(crate) struct PortForwards {
    network: Arc<Network>,
    config: Arc<SlirpConfig>,
}

impl PortForwards {
    pub(crate) fn new(network: Arc<Network>, config: Arc<SlirpConfig>) -> Self {
        Self { network, config }
    }

    /// The configuration with the rules that are in force.
    pub(crate) fn describe(&self) -> Uri {
        let rules = self.with(|stack| {
            let bound = stack.forwards.bound().iter();
            bound.map(|forward| forward.rule.clone()).collect()
        });
        let mut config = SlirpConfig::clone(&self.config);
        if let Ok(rules) = rules {
            config.host_forwards = rules;
        }
        config.to_uri()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Stack) -> T) -> Result<T> {
        self.network.lock()?.with(work)
    }
}

impl PortForwarding for PortForwards {
    fn add(&self, rule: &str) -> Result<Forwarding> {
        let rule = self.config.host_forward(rule)?;
        self.with(|stack| stack.add_host_forward(&self.config, &rule))?
    }

    fn remove(&self, host_side: &str) -> Result<()> {
        let key: HostForwardKey = host_side.parse().map_err(Box::<ConfigError>::new)?;
        let is_removed = self.with(|stack| {
            stack.remove_host_forward(|forward| key.matches(&forward.rule, &forward.bound()))
        })?;
        if is_removed {
            return Ok(());
        }
        let in_force = self.list().into_iter().map(|forwarding| forwarding.rule);
        let in_force: Vec<String> = in_force.collect();
        let message = match in_force.as_slice() {
            [] => format!("{host_side} is not forwarded; nothing is"),
            rules => format!(
                "{host_side} is not forwarded; in force are {}",
                rules.join(", ")
            ),
        };
        Err(ConfigError::new(ConfigProblem::BadValue, host_side, 0, message).into())
    }

    fn list(&self) -> Vec<Forwarding> {
        let list = self.with(|stack| {
            let bound = stack.forwards.bound().iter();
            bound.map(|forward| forward.forwarding()).collect()
        });
        list.unwrap_or_default()
    }

    fn connections(&self) -> Vec<Connection> {
        let connections = self.with(|stack| {
            let sockets: Vec<OpenSocket> = stack.hooks().sockets.connections().collect();
            let report = stack.instance.connection_info().unwrap_or_default();
            let states = tcp_states(&report);
            let all = sockets.iter();
            all.filter_map(|socket| self.connection(stack, socket, &states))
                .collect()
        });
        connections.unwrap_or_default()
    }
}

impl PortForwards {
    /// What a socket of libslirp is, seen from outside.
    fn connection(
        &self,
        stack: &mut Stack,
        socket: &OpenSocket,
        states: &HashMap<RawFd, &str>,
    ) -> Option<Connection> {
        let local = sockets::local_address(socket.descriptor)?;
        let remote = sockets::peer_address(socket.descriptor);
        let mut connection = match socket.flow {
            Some(flow) => {
                let protocol = match flow.transport {
                    Transport::Tcp => ConnectionProtocol::Tcp,
                    Transport::Udp => ConnectionProtocol::Udp,
                };
                Connection::new(protocol, ConnectionDirection::Outbound, flow.guest)
            }
            // What is not connected is a ping.
            None if remote.is_none() => return None,
            None => self.inbound(stack, &local)?,
        };
        connection.local = internet(local);
        connection.remote = remote.and_then(internet);
        let state = states.get(&socket.descriptor);
        connection.state = state.map(|state| (*state).to_owned());
        connection.age = socket.opened.elapsed();
        Some(connection)
    }

    /// A connection that came in by a rule.
    fn inbound(&self, stack: &mut Stack, local: &SocketAddress) -> Option<Connection> {
        let bound = stack.forwards.bound().iter();
        let mut matches = bound.filter_map(|forward| Some((forward, forward.guest_of(local)?)));
        let (forward, mut guest) = matches.next()?;
        let rule = forward.rule.to_string();
        if guest.ip().is_unspecified() {
            guest.set_ip(self.usual_guest(stack, guest.ip()));
        }
        let direction = ConnectionDirection::Inbound;
        let mut connection = Connection::new(ConnectionProtocol::Tcp, direction, guest);
        connection.rule = Some(rule);
        Some(connection)
    }

    /// Where libslirp leads connections by rules without an address of the guest.
    fn usual_guest(&self, stack: &mut Stack, unspecified: IpAddr) -> IpAddr {
        let known = match (unspecified, &self.config.ipv4) {
            (IpAddr::V4(_), ipv4) => ipv4.as_ref().map(|ipv4| ipv4.dhcp_start.into()),
            (IpAddr::V6(_), _) => stack.hooks().output.guest6.map(IpAddr::V6),
        };
        known.unwrap_or(unspecified)
    }
}

/// The states of TCP connections in libslirp's report, a table that begins with `TCP[STATE]` and the socket.
fn tcp_states(report: &str) -> HashMap<RawFd, &str> {
    report.lines().filter_map(tcp_state).collect()
}

fn tcp_state(line: &str) -> Option<(RawFd, &str)> {
    let (state, rest) = line.trim_start().strip_prefix("TCP[")?.split_once(']')?;
    let socket = rest.split_whitespace().next()?;
    Some((socket.parse().ok()?, state))
}

/// The address of a socket that is no unix socket.
fn internet(address: SocketAddress) -> Option<SocketAddr> {
    match address {
        SocketAddress::Ip(address) => Some(address),
        SocketAddress::Unix(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_found_by_their_sockets() {
        let report = "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\n  \
            TCP[ESTABLISHED]  12       10.0.2.15 40000       127.0.0.1    80     0     0\n  \
            TCP[HOST_FORWARD]   9               *  2222       10.0.2.15    22     0     0\n  \
            UDP[236 sec]      13       10.0.2.15  5000      10.0.2.3    53     0     0\n";
        let states = tcp_states(report);
        assert_eq!(states, [(12, "ESTABLISHED"), (9, "HOST_FORWARD")].into());
        assert!(tcp_states("TCP[\nTCP[]\nTCP[X] y\n").is_empty());
    }
}
