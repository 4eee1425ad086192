//! Fields of messages as bytes, in the byte order of the machine.

use super::MalformedMessage;

/// Reads fields from the front of an answer. What is read never lies behind its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            length: bytes.len(),
        }
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], MalformedMessage> {
        match self.rest.split_at_checked(count) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(MalformedMessage::Short {
                needed: self.length - self.rest.len() + count,
                length: self.length,
            }),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], MalformedMessage> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, MalformedMessage> {
        Ok(u8::from_ne_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, MalformedMessage> {
        Ok(u16::from_ne_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, MalformedMessage> {
        Ok(u32::from_ne_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, MalformedMessage> {
        Ok(i32::from_ne_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, MalformedMessage> {
        Ok(u64::from_ne_bytes(self.array()?))
    }

    /// A string in a field of `size` bytes, without the NUL that has to end it.
    pub(super) fn string(&mut self, size: usize) -> Result<&'a [u8], MalformedMessage> {
        terminated(self.bytes(size)?)
    }

    /// So many records of `size` bytes, when there are as many; the count is the kernel's, and it may lie.
    pub(super) fn records(
        &mut self,
        count: u32,
        size: usize,
    ) -> Result<impl Iterator<Item = Reader<'a>> + use<'a>, MalformedMessage> {
        let bytes = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(size));
        match bytes.and_then(|bytes| self.rest.split_at_checked(bytes)) {
            Some((records, rest)) => {
                self.rest = rest;
                Ok(records.chunks_exact(size).map(Reader::new))
            }
            None => Err(MalformedMessage::Count {
                count,
                room: self.rest.len() / size,
            }),
        }
    }
}

/// What stands in front of the first NUL.
pub(super) fn terminated(bytes: &[u8]) -> Result<&[u8], MalformedMessage> {
    let end = bytes.iter().position(|byte| *byte == 0);
    end.and_then(|end| bytes.get(..end))
        .ok_or(MalformedMessage::Unterminated { size: bytes.len() })
}

/// Writes fields one behind the other.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn u8(self, number: u8) -> Self {
        self.bytes(&[number])
    }

    pub(super) fn u16(self, number: u16) -> Self {
        self.bytes(&number.to_ne_bytes())
    }

    pub(super) fn u32(self, number: u32) -> Self {
        self.bytes(&number.to_ne_bytes())
    }

    pub(super) fn i32(self, number: i32) -> Self {
        self.bytes(&number.to_ne_bytes())
    }

    pub(super) fn u64(self, number: u64) -> Self {
        self.bytes(&number.to_ne_bytes())
    }

    /// A number of records; more than the field holds cannot be in memory.
    pub(super) fn count(self, count: usize) -> Self {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// A string in a field of `size` bytes with zeros behind it. Longer than `size - 1` bytes it would be cut: names are
    /// checked before.
    pub(super) fn string(mut self, text: &str, size: usize) -> Self {
        let end = self.0.len() + size;
        self.0.extend(text.bytes().take(size.saturating_sub(1)));
        self.0.resize(end, 0);
        self
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}
