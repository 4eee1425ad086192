//! How a model behaves.

/// What a kernel has and allows. [`Settings::default`] is a FreeBSD 15 with ng_socket(4) and ng_ether(4) loaded, and the
/// other modules to be loaded, for root.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The release of FreeBSD. Since 15, a bridge gives numbers to hooks that are called `link` and `uplink`, and a
    /// node may be given the name that it has.
    pub release: u32,
    /// Modules that are loaded, `ng_socket` for example.
    pub loaded: Vec<String>,
    /// Modules that could be: files in /boot/kernel.
    pub loadable: Vec<String>,
    /// Whether modules may be loaded: privilege, and a securelevel that allows it.
    pub may_load: bool,
    /// Whether control sockets may be had (`PRIV_NETGRAPH_CONTROL`).
    pub privileged: bool,
    /// `kern.ipc.maxsockbuf`, in bytes.
    pub socket_buffer_limit: usize,
    /// What sockets keep if nobody asks for more, in bytes (`net.graph.maxdgram`, `net.graph.recvspace`).
    pub socket_buffer: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let modules = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            release: 15,
            loaded: modules(&["ng_socket", "ng_ether"]),
            loadable: modules(&[
                "ng_socket",
                "ng_ether",
                "ng_bridge",
                "ng_hub",
                "ng_echo",
                "ng_eiface",
                "ng_device",
                "ng_hole",
            ]),
            may_load: true,
            privileged: true,
            socket_buffer_limit: 2 << 20,
            socket_buffer: 20 << 10,
        }
    }
}

/// What happens to an answer on its way to the socket that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mischief {
    /// It never comes.
    Lost,
    /// It comes twice.
    Twice,
    /// It comes after the next message to that socket.
    Late,
    /// One that nobody asked for, with another token, comes before it.
    Foreign,
    /// Only so many bytes of it come.
    Cut(usize),
    /// The header says that it has so many bytes of arguments.
    Claims(u32),
}
