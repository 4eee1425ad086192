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
            let sockets: Vec<OpenSocket> = stack.hooks().sockets.open().collect();
            let all = sockets.iter();
            all.filter_map(|socket| connection(stack, socket)).collect()
        });
        connections.unwrap_or_default()
    }
}

/// What a socket of libslirp is, seen from outside.
fn connection(stack: &Stack, socket: &OpenSocket) -> Option<Connection> {
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
        None => inbound(stack, &local)?,
    };
    let address = |address| match address {
        SocketAddress::Ip(address) => Some(address),
        SocketAddress::Unix => None,
    };
    connection.local = address(local);
    connection.remote = remote.and_then(address);
    connection.age = socket.opened.elapsed();
    Some(connection)
}

/// A connection that came in by a rule.
fn inbound(stack: &Stack, local: &SocketAddress) -> Option<Connection> {
    let bound = stack.forwards.bound().iter();
    let mut matches = bound.filter_map(|forward| Some((forward, forward.guest_of(local)?)));
    let (forward, guest) = matches.next()?;
    let direction = ConnectionDirection::Inbound;
    let mut connection = Connection::new(ConnectionProtocol::Tcp, direction, guest);
    connection.rule = Some(forward.rule.to_string());
    Some(connection)
}
