use std::borrow::Cow;
use std::fmt;

use crate::{ConfigProblem, Environment, NetBackend, OptionSpec, Result, Uri};

/// A way to open backends: what stands behind a scheme. Each backend crate has one as a constant.
#[derive(Clone, Copy)]
pub struct Driver {
    /// The scheme of its URIs.
    pub scheme: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// What the target of its URIs looks like, `NAME`; empty when there is none.
    pub target: &'static str,
    /// The options that it understands.
    pub options: &'static [OptionSpec],
    /// Where it works, `Linux, FreeBSD`.
    pub platforms: &'static str,
    /// What opening needs, `CAP_NET_ADMIN`.
    pub privilege: &'static str,
    /// Opens a backend.
    pub open: fn(&Uri, &Environment) -> Result<Box<dyn NetBackend>>,
}

/// The drivers that a program has.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    drivers: Vec<&'static Driver>,
    absent: Vec<AbsentDriver>,
    spellings: Vec<Spelling>,
}

/// Makes a URI of a text that has another spelling, `vale0:vm1` for `netmap:vale0:vm1`; `None` for a text that it
/// does not know.
pub type Spelling = fn(&str) -> Option<String>;

/// A driver that was left out of the build.
#[derive(Clone, Copy, Debug)]
pub struct AbsentDriver {
    /// Its scheme.
    pub scheme: &'static str,
    /// The cargo feature that brings it.
    pub feature: &'static str,
}

impl Registry {
    /// A registry of these drivers; their order is the order of the lists that users see.
    pub fn new(drivers: impl IntoIterator<Item = &'static Driver>) -> Self {
        Self {
            drivers: drivers.into_iter().collect(),
            absent: Vec::new(),
            spellings: Vec::new(),
        }
    }

    /// The same, and it can tell users which cargo feature they lack.
    #[must_use]
    pub fn with_absent(mut self, absent: impl IntoIterator<Item = AbsentDriver>) -> Self {
        self.absent.extend(absent);
        self
    }

    /// The same with one driver more. A scheme that is there already is replaced.
    #[must_use]
    pub fn with(mut self, driver: &'static Driver) -> Self {
        self.drivers.retain(|known| known.scheme != driver.scheme);
        self.drivers.push(driver);
        self
    }

    /// The same with another spelling for URIs. It is asked only for texts whose scheme no driver has.
    #[must_use]
    pub fn with_spelling(mut self, spelling: Spelling) -> Self {
        self.spellings.push(spelling);
        self
    }

    /// The drivers.
    pub fn drivers(&self) -> &[&'static Driver] {
        &self.drivers
    }

    /// The driver of a URI's scheme.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config), which lists the schemes that there are.
    pub fn driver(&self, uri: &Uri) -> Result<&'static Driver> {
        match self
            .drivers
            .iter()
            .find(|known| known.scheme == uri.scheme())
        {
            Some(driver) => Ok(driver),
            None => Err(self.unknown(uri)),
        }
    }

    /// Opens the backend that a URI selects.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for a text that is not right, before anything is touched; whatever
    /// the driver says otherwise.
    pub fn open(&self, uri: &str, environment: &Environment) -> Result<Box<dyn NetBackend>> {
        self.open_known(&self.respelled(uri).parse()?, environment)
    }

    /// The same with a URI that was parsed, or built, before.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_uri(&self, uri: &Uri, environment: &Environment) -> Result<Box<dyn NetBackend>> {
        let text = uri.to_string();
        match self.respelled(&text) {
            Cow::Borrowed(_) => self.open_known(uri, environment),
            Cow::Owned(respelled) => self.open_known(&respelled.parse()?, environment),
        }
    }

    fn open_known(&self, uri: &Uri, environment: &Environment) -> Result<Box<dyn NetBackend>> {
        (self.driver(uri)?.open)(uri, environment)
    }

    fn respelled<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let scheme = text.split(':').next().unwrap_or_default();
        let present = self.drivers.iter().map(|driver| driver.scheme);
        let absent = self.absent.iter().map(|absent| absent.scheme);
        if present.chain(absent).any(|known| known == scheme) {
            return text.into();
        }
        let mut spellings = self.spellings.iter();
        let respelled = spellings.find_map(|spelling| spelling(text));
        respelled.map_or(text.into(), Cow::Owned)
    }

    fn unknown(&self, uri: &Uri) -> crate::Error {
        let scheme = uri.scheme();
        let known: Vec<&str> = self.drivers.iter().map(|driver| driver.scheme).collect();
        let known = known.join(", ");
        if let Some(absent) = self.absent.iter().find(|absent| absent.scheme == scheme) {
            let feature = absent.feature;
            let message = format!(
                "{scheme} is not compiled in; enable the cargo feature {feature} of net-backend (there are: {known})"
            );
            return uri
                .scheme_error(ConfigProblem::NotCompiledIn, message)
                .into();
        }
        let mut message = format!("unknown scheme {scheme}; there are: {known}");
        for AbsentDriver { scheme, feature } in &self.absent {
            message.push_str(&format!(", {scheme} (with the cargo feature {feature})"));
        }
        uri.scheme_error(ConfigProblem::UnknownScheme, message)
            .into()
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Driver").field(&self.scheme).finish()
    }
}
