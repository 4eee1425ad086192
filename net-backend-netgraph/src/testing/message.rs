//! Messages as bytes, read and written by the model itself: what the library encodes is not trusted here.

/// `NG_VERSION`.
pub(super) const VERSION: u8 = 8;
/// `struct ng_msghdr`.
pub(super) const HEADER: usize = 56;
/// `NGF_RESP`.
pub(super) const IS_ANSWER: u32 = 1;
/// `NGM_READONLY`.
pub(super) const READ_ONLY: u32 = 0x1000_0000;
/// Bytes of names, the last NUL included: `NG_NODESIZ`, `NG_HOOKSIZ`, `NG_TYPESIZ`.
pub(super) const NAME: usize = 32;
/// Bytes of paths, the last NUL included: `NG_PATHSIZ`.
pub(super) const PATH: usize = 512;

/// Who understands a message.
pub(super) mod cookie {
    pub(crate) const GENERIC: u32 = 1_137_070_366;
    pub(crate) const FLOW: u32 = 851_672_669;
    pub(crate) const SOCKET: u32 = 851_601_233;
    pub(crate) const BRIDGE: u32 = 1_569_321_993;
    pub(crate) const HUB: u32 = 1_082_189_597;
    pub(crate) const EIFACE: u32 = 948_105_892;
    pub(crate) const ETHER: u32 = 917_786_906;
    pub(crate) const DEVICE: u32 = 1_091_129_178;
}

/// A message with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) command: u32,
    pub(super) flags: u32,
    pub(super) token: u32,
    pub(super) cookie: u32,
    pub(super) text: [u8; NAME],
    pub(super) arguments: Vec<u8>,
}

impl Message {
    pub(super) fn new(cookie: u32, command: u32, arguments: Vec<u8>) -> Self {
        Self {
            command,
            flags: 0,
            token: 0,
            cookie,
            text: [0; NAME],
            arguments,
        }
    }

    /// `None` for bytes that are no message, or one of another version, or one that is shorter than it says.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        if *bytes.first()? != VERSION {
            return None;
        }
        let length = usize::try_from(number(bytes, 4)?).ok()?;
        Some(Self {
            command: number(bytes, 8)?,
            flags: number(bytes, 12)?,
            token: number(bytes, 16)?,
            cookie: number(bytes, 20)?,
            text: bytes.get(24..HEADER)?.try_into().ok()?,
            arguments: bytes.get(HEADER..)?.get(..length)?.to_vec(),
        })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.arguments.len()).unwrap_or(u32::MAX);
        let mut bytes = vec![VERSION, 0, 0, 0];
        for value in [length, self.command, self.flags, self.token, self.cookie] {
            bytes.extend(value.to_ne_bytes());
        }
        bytes.extend(self.text);
        bytes.extend(&self.arguments);
        bytes
    }

    /// The answer to this message: `NG_MKRESPONSE`.
    pub(super) fn answer(&self, arguments: Vec<u8>) -> Self {
        Self {
            flags: IS_ANSWER,
            arguments,
            ..self.clone()
        }
    }

    pub(super) fn is_answer(&self) -> bool {
        self.flags & IS_ANSWER != 0
    }

    /// The name in a field of the arguments; the last byte of the field counts as NUL.
    pub(super) fn name(&self, at: usize, width: usize) -> Vec<u8> {
        let field = self.arguments.get(at..at + width).unwrap_or_default();
        let field = field.get(..width - 1).unwrap_or_default();
        until_nul(field).to_vec()
    }
}

/// A number of four bytes.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

/// What is before the first NUL.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A name in a field of this width, the rest of it NUL.
pub(super) fn field(name: &[u8], width: usize) -> Vec<u8> {
    let mut field = until_nul(name).to_vec();
    field.truncate(width - 1);
    field.resize(width, 0);
    field
}
