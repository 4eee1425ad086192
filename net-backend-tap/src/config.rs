use net_backend_core::{
    ConfigError, ConfigProblem, MacAddr, Mtu, OptionSpec, OptionValue, Options, Uri,
};

use crate::sys;

/// The options of `tap:` URIs.
pub(crate) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new("fd", "N", "use descriptor N of this process, an open tap"),
    OptionSpec::new("fds", "N,N", "the same, one descriptor for each queue"),
    OptionSpec::new(
        "queues",
        "N",
        "queue pairs, 1 to 256 (1; FreeBSD has only 1)",
    ),
    OptionSpec::new("mtu", "BYTES", "set the IP MTU of the interface"),
    OptionSpec::new("mac", "MAC", "the address that the guest's NIC should have"),
    OptionSpec::new(
        "up",
        "on|off",
        "bring the interface up, or leave it (on by name where allowed; off for descriptors)",
    ),
    OptionSpec::new(
        "txqueuelen",
        "N",
        "frames that the host queues for the guest (Linux)",
    ),
    OptionSpec::new(
        "persist",
        "on|off",
        "whether the device outlives its last user",
    ),
    OptionSpec::new(
        "header",
        "on|off",
        "whether frames carry the virtio-net header, which offloads need (on)",
    ),
    OptionSpec::new(
        "sndbuf",
        "BYTES",
        "frames on their way into the host before send is busy (Linux; no limit)",
    ),
];

/// The longest queue that Linux makes: pointers to its frames fill `KMALLOC_MAX_SIZE`, 4 MiB.
pub(crate) const LONGEST_QUEUE: u32 = 524_288;

/// A tap to open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TapConfig {
    /// Which device.
    pub target: TapTarget,
    /// Queue pairs; 1 unless the system has taps with several.
    pub queues: u16,
    /// The IP MTU to set; `None` leaves it.
    pub mtu: Option<Mtu>,
    /// The address that the guest's NIC should have.
    pub mac: Option<MacAddr>,
    /// Bring the interface up or not; `None` brings up what was opened by name, where that is allowed.
    pub up: Option<bool>,
    /// Frames that the host queues for the guest; `None` leaves it.
    pub transmit_queue_length: Option<u32>,
    /// Whether the device outlives its last user; `None` leaves it.
    pub persist: Option<bool>,
    /// Whether frames carry the virtio-net header, which offloads need.
    pub header: bool,
    /// Bytes on their way into the host before `send` is busy; `None` is no limit.
    pub send_buffer: Option<u32>,
}

/// Which tap.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TapTarget {
    /// The interface of this name, made if it does not exist. On Linux `%d` stands for a free number.
    Name(String),
    /// The character device of a macvtap or ipvtap.
    Path(String),
    /// Descriptors of this process, one for each queue, by number. The backend works on duplicates: they stay
    /// open, and yours.
    Descriptors(Vec<i32>),
}

impl TapConfig {
    /// The tap of this name, with everything else left as it is.
    pub fn new(target: TapTarget) -> Self {
        let queues = match &target {
            TapTarget::Descriptors(numbers) => u16::try_from(numbers.len()).unwrap_or(u16::MAX),
            TapTarget::Name(_) | TapTarget::Path(_) => 1,
        };
        Self {
            target,
            queues,
            mtu: None,
            mac: None,
            up: None,
            transmit_queue_length: None,
            persist: None,
            header: true,
            send_buffer: None,
        }
    }

    /// Reads `tap:TARGET?…`.
    ///
    /// # Errors
    ///
    /// Whatever in it is not right, before anything is touched.
    pub fn from_uri(uri: &Uri) -> Result<Self, ConfigError> {
        let options = uri.options(OPTIONS)?;
        let mut config = Self::new(target(uri, &options)?);
        if let Some(queues) = options.value("queues") {
            config.queues = queues.number(1..=sys::MAX_QUEUES)?;
        }
        config.mtu = given(&options, "mtu", |mtu| mtu.mtu(Mtu::MIN..=sys::MAX_MTU))?;
        config.mac = given(&options, "mac", OptionValue::mac)?;
        config.up = given(&options, "up", OptionValue::switch)?;
        config.transmit_queue_length = given(&options, "txqueuelen", |value| {
            value.number(1..=LONGEST_QUEUE)
        })?;
        config.persist = given(&options, "persist", OptionValue::switch)?;
        config.header = given(&options, "header", OptionValue::switch)?.unwrap_or(true);
        config.send_buffer = given(&options, "sndbuf", |value| {
            value.number(2048..=i32::MAX.unsigned_abs())
        })?;
        Ok(config)
    }

    /// Checks what only a config that was not read from a URI can have wrong.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let uri = self.to_uri();
        let bad = |message| Err(uri.target_error(ConfigProblem::BadTarget, message));
        match &self.target {
            _ if self.queues == 0 || self.queues > sys::MAX_QUEUES => bad(format!(
                "{} queues asked for; a tap has 1 to {}",
                self.queues,
                sys::MAX_QUEUES
            )),
            _ if self.mtu.is_some_and(|mtu| mtu > sys::MAX_MTU) => {
                bad(format!("the MTU is above {}", sys::MAX_MTU))
            }
            TapTarget::Name(name) => check_name(&uri, name),
            TapTarget::Path(path) if !path.starts_with('/') => {
                bad(format!("the path {path} does not begin with a slash"))
            }
            TapTarget::Descriptors(numbers) if numbers.is_empty() => {
                bad("there are no descriptors; give one for each queue".to_owned())
            }
            TapTarget::Descriptors(numbers) if numbers.len() != usize::from(self.queues) => {
                bad(format!(
                    "{} descriptors for {} queues; give one for each",
                    numbers.len(),
                    self.queues
                ))
            }
            TapTarget::Path(_) | TapTarget::Descriptors(_) => Ok(()),
        }
    }

    /// What is wrong with a descriptor, found by trying it.
    pub(crate) fn descriptor_error(&self, number: i32, complaint: &str) -> ConfigError {
        let text = self.to_uri().to_string();
        let position = text.find(&number.to_string()).unwrap_or(0);
        let message = format!("descriptor {number} {complaint}");
        ConfigError::new(ConfigProblem::BadValue, &text, position, message)
    }

    /// The URI that reads as this.
    pub fn to_uri(&self) -> Uri {
        let uri = Uri::new("tap");
        let mut uri = match &self.target {
            TapTarget::Name(name) => uri.with_target(name),
            TapTarget::Path(path) => uri.with_target(path),
            TapTarget::Descriptors(numbers) => {
                let key = if numbers.len() == 1 { "fd" } else { "fds" };
                let numbers: Vec<String> = numbers.iter().map(i32::to_string).collect();
                uri.with_option(key, numbers.join(","))
            }
        };
        let switch = |on| if on { "on" } else { "off" };
        let queues = match &self.target {
            TapTarget::Descriptors(_) => None,
            _ => Some(self.queues).filter(|queues| *queues != 1),
        };
        let options = [
            ("queues", queues.map(|queues| queues.to_string())),
            ("mtu", self.mtu.map(|mtu| mtu.to_string())),
            ("mac", self.mac.map(|mac| mac.to_string())),
            ("up", self.up.map(|up| switch(up).to_owned())),
            (
                "txqueuelen",
                self.transmit_queue_length.map(|length| length.to_string()),
            ),
            ("persist", self.persist.map(|on| switch(on).to_owned())),
            ("header", (!self.header).then(|| "off".to_owned())),
            ("sndbuf", self.send_buffer.map(|bytes| bytes.to_string())),
        ];
        for (key, value) in options {
            if let Some(value) = value {
                uri = uri.with_option(key, value);
            }
        }
        uri
    }
}

fn given<'u, T>(
    options: &Options<'u>,
    key: &str,
    read: impl FnOnce(&OptionValue<'u>) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    options.value(key).as_ref().map(read).transpose()
}

fn target(uri: &Uri, options: &Options<'_>) -> Result<TapTarget, ConfigError> {
    options.exclusive("fd", "fds")?;
    let given = ["fd", "fds"].map(|key| (key, options.value(key)));
    let Some((key, value)) = given
        .into_iter()
        .find_map(|(key, value)| Some((key, value?)))
    else {
        return named(uri);
    };
    if !uri.target().is_empty() {
        let message = "a name and descriptors exclude one another; write tap:?fd=N";
        return Err(uri.target_error(ConfigProblem::Conflict, message));
    }
    options.exclusive("fd", "queues")?;
    options.exclusive("fds", "queues")?;
    options.exclusive("fd", "header")?;
    options.exclusive("fds", "header")?;
    descriptors(key, &value).map(TapTarget::Descriptors)
}

fn named(uri: &Uri) -> Result<TapTarget, ConfigError> {
    let name = uri.target();
    let refuse = |message: String| Err(uri.target_error(ConfigProblem::BadTarget, message));
    if name.is_empty() {
        return refuse("no device; write tap:NAME, or tap:?fd=N for an open one".to_owned());
    }
    if name.starts_with('/') {
        return Ok(TapTarget::Path(name.to_owned()));
    }
    check_name(uri, name).map(|()| TapTarget::Name(name.to_owned()))
}

fn check_name(uri: &Uri, name: &str) -> Result<(), ConfigError> {
    let (length, most) = (name.len(), sys::NAME_LENGTH);
    let complaint = if length > most {
        Err(format!(
            "has {length} bytes; an interface name has at most {most}"
        ))
    } else {
        sys::check_name(name).map_err(str::to_owned)
    };
    complaint.map_err(|complaint| {
        let message = format!("the name {name} {complaint}");
        uri.target_error(ConfigProblem::BadTarget, message)
    })
}

fn descriptors(key: &str, value: &OptionValue<'_>) -> Result<Vec<i32>, ConfigError> {
    let complaint = match key {
        "fd" => "is not the number of a descriptor above 2; for several write fds=N,N",
        _ => "is not a list of descriptor numbers above 2, with commas between them",
    };
    let numbers: Option<Vec<i32>> = value
        .text()
        .split(',')
        .map(|word| {
            let digits = word.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| word.parse().ok()).flatten()
        })
        .collect();
    let numbers = numbers.ok_or_else(|| value.error(complaint))?;
    if numbers.iter().any(|number| *number <= 2) || (key == "fd" && numbers.len() > 1) {
        return Err(value.error(complaint));
    }
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != numbers.len() {
        return Err(value.error("names a descriptor twice; each queue has its own"));
    }
    if numbers.len() > usize::from(sys::MAX_QUEUES) {
        return Err(value.error(format!("has more than {} descriptors", sys::MAX_QUEUES)));
    }
    Ok(numbers)
}
