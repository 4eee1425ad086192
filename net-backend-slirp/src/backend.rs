use std::ffi::CString;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use net_backend_core::offload::Coalescer;
use net_backend_core::{
    Activation, BorrowedDescriptor, Capabilities, ConfigProblem, Counters, Driver, Environment,
    Error, Features, HeaderLength, Mtu, NetBackend, PeekCost, PortForwarding, QueuePair, Result,
    Uri, check_features,
};

use crate::admission::Policy;
use crate::config::{OPTIONS, SlirpConfig, Threading};
use crate::forwarding::PortForwards;
use crate::hooks::Hooks;
use crate::network::Network;
use crate::output::Output;
use crate::receive::Receive;
use crate::replies::Replies;
use crate::ring::{Consumer, Producer, Ring};
use crate::segment_size::SegmentSizes;
use crate::sockets::Sockets;
use crate::stack::Stack;
use crate::sys::{
    EventBell, Events, Instance, Ipv4Settings, Ipv6Settings, Library, Poller, Settings,
};
use crate::thread;
use crate::transfers::Transfers;
use crate::transmit::Transmit;

/// `slirp:`, for a registry.
pub const DRIVER: Driver = Driver {
    scheme: "slirp",
    summary: "user-mode networking with libslirp: no privilege, no interface",
    target: "[NETWORK/PREFIX]",
    options: OPTIONS,
    platforms: "Linux, FreeBSD",
    privilege: "none",
    open: open_uri,
};

/// IP MTU of libslirp itself, in bytes: how long its TCP segments are for guests that take super-frames, or whose
/// MSS it did not notice. Above 32768 its windows stop opening. Longer datagrams it cuts itself.
const LIBSLIRP_MTU: u16 = 32_000;
/// The longest IP packet, in bytes: what segments of a guest are coalesced to.
const LONGEST_PACKET: usize = 65_535;

const OFFERED: Features = Features::CSUM
    .union(Features::HOST_TSO4)
    .union(Features::HOST_TSO6)
    .union(Features::GUEST_CSUM)
    .union(Features::GUEST_TSO4)
    .union(Features::GUEST_TSO6);

/// A user-mode network for one NIC.
pub struct Slirp {
    config: Arc<SlirpConfig>,
    capabilities: Capabilities,
    header: HeaderLength,
    network: Arc<Network>,
    forwards: PortForwards,
    thread: Option<JoinHandle<()>>,
    /// Held by the halves too: while one of them lives, there are two owners.
    active: Arc<()>,
}

impl Slirp {
    /// Opens a network: loads libslirp, binds the ports that lead into the guest, starts the poll thread.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] before anything has changed; [`Error::System`] when libslirp is missing or too old, and for a
    /// rule whose port cannot be bound.
    pub fn open(config: &SlirpConfig, environment: &Environment) -> Result<Self> {
        config.check().map_err(Box::new)?;
        check_directory(config)?;
        let library = Library::open(config.library.as_deref())?;
        let network = Arc::new(network(config, &library)?);
        let config = Arc::new(config.clone());
        let mut slirp = Self {
            capabilities: capabilities(&config),
            header: HeaderLength::None,
            forwards: PortForwards::new(Arc::clone(&network), Arc::clone(&config)),
            network,
            thread: None,
            active: Arc::new(()),
            config,
        };
        slirp.bind()?;
        slirp.start(environment)?;
        Ok(slirp)
    }

    /// The sockets on the host, by number: those of the rules in force, and the connections of this moment. A sandbox
    /// that closes descriptors leaves these open, besides [those](NetBackend::descriptors) that stay the same; what
    /// `guestfwd` carries on is not among them.
    pub fn sockets(&self) -> Vec<RawFd> {
        let numbers = self.network.lock().and_then(|mut locked| {
            locked.with(|stack| {
                let mut numbers: Vec<RawFd> = stack.hooks().sockets.numbers().collect();
                numbers.extend(stack.forwards.listeners());
                numbers
            })
        });
        numbers.unwrap_or_default()
    }

    /// Puts the rules of the configuration into force.
    fn bind(&self) -> Result<()> {
        self.network.lock()?.with(|stack| {
            for rule in &self.config.host_forwards {
                stack.add_host_forward(&self.config, rule)?;
            }
            self.config
                .guest_forwards
                .iter()
                .try_for_each(|rule| stack.add_guest_forward(&self.config, rule))
        })?
    }

    fn start(&mut self, environment: &Environment) -> Result<()> {
        let bell = match self.config.thread {
            Threading::Own => &self.network.alarm,
            Threading::None => self.network.ring.readable().bell(),
        };
        self.network
            .poller
            .add(bell.descriptor().as_raw_fd(), Events::IN)
            .map_err(|cause| failed("watch a bell", cause))?;
        if self.config.thread == Threading::Own {
            let network = Arc::clone(&self.network);
            let body = Box::new(move || thread::run(&network));
            let thread = environment.spawner.spawn("slirp", body);
            self.thread = Some(thread.map_err(|cause| failed("spawn a thread", cause))?);
        }
        Ok(())
    }

    fn pair(&self, with: &Activation) -> Result<QueuePair> {
        let silence = EventBell::new().map_err(|cause| failed("make a bell", cause))?;
        Ok(QueuePair {
            rx: Box::new(Receive {
                network: Arc::clone(&self.network),
                consumer: Consumer::new(Arc::clone(&self.network.ring)),
                header: with.header,
                counters: Counters::new(),
                drives: (self.config.thread == Threading::None).then(Vec::new),
                _active: Arc::clone(&self.active),
            }),
            tx: Box::new(Transmit {
                network: Arc::clone(&self.network),
                coalescer: Coalescer::new(LONGEST_PACKET)
                    .with_ipv6_limit(libslirp_mtu(&self.config).into()),
                header: with.header,
                features: with.features,
                longest: self.config.mtu.frame_length().with_vlan_tag().bytes(),
                longest_super_frame: self.capabilities.max_frame.bytes(),
                counters: Counters::new(),
                is_unsettled: false,
                silence,
                _active: Arc::clone(&self.active),
            }),
        })
    }
}

impl NetBackend for Slirp {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>> {
        with.check(&self.capabilities)?;
        if Arc::strong_count(&self.active) > 1 {
            return Err(Error::Active {
                object: self.config.to_uri().to_string(),
            });
        }
        self.network
            .lock()?
            .with(|stack| stack.hooks().output.accept(with.features))?;
        self.header = with.header;
        Ok(vec![self.pair(with)?])
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<()> {
        let features = features & Features::RECEIVE_OFFLOADS;
        check_features(features, self.header, &self.capabilities)?;
        self.network
            .lock()?
            .with(|stack| stack.hooks().output.accept(features))
    }

    fn describe(&self) -> Uri {
        self.forwards.describe()
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        let ring = &self.network.ring;
        let bells = [
            ring.readable().bell(),
            ring.writable().bell(),
            &self.network.alarm,
        ];
        let bells = bells.into_iter().flat_map(EventBell::descriptors);
        self.network.poller.descriptors().chain(bells).collect()
    }

    fn port_forwarding(&self) -> Option<&dyn PortForwarding> {
        Some(&self.forwards)
    }
}

impl Drop for Slirp {
    fn drop(&mut self) {
        self.network.set_gone();
        if let Some(thread) = self.thread.take() {
            // A panic of it was caught by itself.
            let _joined = thread.join();
        }
        self.network.close();
    }
}

impl fmt::Debug for Slirp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slirp")
            .field("config", &self.config)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

fn open_uri(uri: &Uri, environment: &Environment) -> Result<Box<dyn NetBackend>> {
    let config = SlirpConfig::from_uri(uri).map_err(Box::new)?;
    Ok(Box::new(Slirp::open(&config, environment)?))
}

fn capabilities(config: &SlirpConfig) -> Capabilities {
    let mut capabilities = Capabilities::new("slirp");
    capabilities.features = OFFERED;
    capabilities.header_lengths = &HeaderLength::ALL;
    capabilities.max_frame = Mtu::MAX.frame_length();
    capabilities.mtu = Some(config.mtu);
    capabilities.mac = config.mac;
    capabilities.peek = PeekCost::Look;
    capabilities
}

fn libslirp_mtu(config: &SlirpConfig) -> u16 {
    LIBSLIRP_MTU.max(config.mtu.bytes())
}

/// Everything around libslirp, without forwarded ports.
fn network(config: &SlirpConfig, library: &Arc<Library>) -> Result<Network> {
    let poller = Poller::new().map_err(|cause| failed("make a poller", cause))?;
    let poller = Arc::new(poller);
    let ring = Ring::new().map_err(|cause| failed("make a bell", cause))?;
    let ring = Arc::new(ring);
    let alarm = EventBell::new().map_err(|cause| failed("make a bell", cause))?;
    let mtu = config.mtu.bytes();
    let libslirp_mtu = libslirp_mtu(config);
    let replies = config.restrict.then(|| {
        let host = config.ipv4.as_ref().map(|ipv4| ipv4.host);
        Replies::new(host, config.ipv6.as_ref().map(|ipv6| ipv6.host))
    });
    let sizes = SegmentSizes::new(mtu, libslirp_mtu);
    let epoch = Arc::default();
    let hooks = Hooks {
        sockets: Sockets::new(Arc::clone(&poller), Arc::clone(&epoch)),
        output: Output::new(Producer::new(Arc::clone(&ring)), sizes, replies, mtu),
    };
    let instance = instance(config, library, libslirp_mtu, hooks)?;
    let policy = Policy {
        host_loopback: config.host_loopback,
        longest_ipv6: libslirp_mtu.into(),
        strips_urgent: !library.bounds_urgent_data(),
        restrict: config.restrict,
        ipv4: config.ipv4,
        ipv6: config.ipv6,
        answers_pings: answers_pings(config),
        passes_pings_over_ipv6: library.passes_pings_over_ipv6(),
    };
    let forgets_transfers = config.tftp.is_some() && !library.closes_transfers();
    let transfers = forgets_transfers.then(Transfers::default);
    let stack = Stack::new(instance, Arc::clone(&poller), policy, transfers);
    let name = config.to_uri().to_string();
    Ok(Network::new(stack, poller, epoch, ring, alarm, name))
}

fn instance(
    config: &SlirpConfig,
    library: &Arc<Library>,
    mtu: u16,
    hooks: Hooks,
) -> Result<Instance<Hooks>> {
    let text = |text: &Option<String>| text.as_ref().map(|text| c_string(text.as_bytes()));
    let path = |path: &Path| c_string(path.as_os_str().as_bytes());
    let hostname = text(&config.hostname).transpose()?;
    let domain_name = text(&config.domain_name).transpose()?;
    let tftp_server_name = text(&config.tftp_server_name).transpose()?;
    let bootfile = text(&config.bootfile).transpose()?;
    let tftp_path = config.tftp.as_deref().map(path).transpose()?;
    let dns_search = config
        .dns_search
        .iter()
        .map(|domain| c_string(domain.as_bytes()));
    let dns_search: Vec<CString> = dns_search.collect::<Result<_>>()?;
    let settings = Settings {
        restricted: config.restrict,
        ipv4: config.ipv4.as_ref().map(|ipv4| Ipv4Settings {
            network: ipv4.network,
            mask: ipv4.mask(),
            host: ipv4.host,
            dhcp_start: ipv4.dhcp_start,
            dns: ipv4.dns,
        }),
        ipv6: config.ipv6.as_ref().map(|ipv6| Ipv6Settings {
            prefix: ipv6.prefix,
            prefix_length: ipv6.prefix_length,
            host: ipv6.host,
            dns: ipv6.dns,
        }),
        hostname: hostname.as_deref(),
        domain_name: domain_name.as_deref(),
        tftp_server_name: tftp_server_name.as_deref(),
        tftp_path: tftp_path.as_deref(),
        bootfile: bootfile.as_deref(),
        dns_search: &dns_search,
        mtu,
        disable_host_loopback: !config.host_loopback,
        disable_dns: !config.dns,
        disable_dhcp: !config.dhcp,
        outbound4: config.outbound_ipv4,
        outbound6: config.outbound_ipv6,
    };
    Instance::new(library, &settings, hooks)
}

/// The addresses of the network that libslirp answers pings to by itself.
fn answers_pings(config: &SlirpConfig) -> Vec<IpAddr> {
    let link_local = |address: Ipv6Addr| {
        let [_, _, _, _, a, b, c, d] = address.segments();
        Ipv6Addr::new(0xfe80, 0, 0, 0, a, b, c, d)
    };
    let ipv4 = config.ipv4.iter().flat_map(|ipv4| [ipv4.host, ipv4.dns]);
    let ipv6 = config.ipv6.iter().flat_map(|ipv6| [ipv6.host, ipv6.dns]);
    let ipv6 = ipv6.flat_map(|address| [address, link_local(address)]);
    ipv4.map(IpAddr::from)
        .chain(ipv6.map(IpAddr::from))
        .collect()
}

/// The directory is looked at here, because libslirp answers every request with an error otherwise.
fn check_directory(config: &SlirpConfig) -> Result<()> {
    match &config.tftp {
        Some(path) if !path.is_dir() => {
            let text = config.to_uri().to_string();
            let position = text.find("tftp=").map_or(0, |key| key + "tftp=".len());
            let message = format!(
                "tftp={} is no directory; name one that is there",
                path.display()
            );
            let error = net_backend_core::ConfigError::new(
                ConfigProblem::BadValue,
                &text,
                position,
                message,
            );
            Err(error.into())
        }
        _ => Ok(()),
    }
}

fn c_string(text: &[u8]) -> Result<CString> {
    CString::new(text).map_err(|error| failed("pass a text with a zero byte", error.into()))
}

fn failed(operation: &'static str, cause: std::io::Error) -> Error {
    Error::system(operation, "slirp", cause, None)
}
