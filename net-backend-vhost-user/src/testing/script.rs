//! What a guest made of bytes does.

/// The bytes; zeros behind their end.
#[derive(Debug)]
pub(super) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub(super) fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Somewhere: most are in memory, or near the end of some.
    pub(super) fn address(&mut self) -> u64 {
        let (what, low) = (self.byte(), u64::from(self.byte()));
        match what {
            0..=99 => 0x1000 + 16 * low,
            100..=139 => 0x8000 + 32 * low,
            140..=159 => 0x3000 - low % 64,
            160..=179 => 0x5000 - low,
            180..=199 => 0x9f80 + low,
            200..=209 => 8 * low,
            210..=229 => u64::MAX - 0x1f80 + low,
            230..=239 => u64::MAX - low,
            _ => u64::from(self.word()) << 48 | u64::from(self.word()) << 8 | low,
        }
    }

    /// So many bytes: most are as those of frames, or of tables of descriptors.
    pub(super) fn length(&mut self) -> u32 {
        let (what, low) = (self.byte(), u32::from(self.byte()));
        match what {
            0..=99 => low,
            100..=149 => 16 * low,
            150..=179 => 12,
            180..=199 => 0x4000 - low,
            200..=219 => u32::from(self.word()),
            220..=229 => 0x10_0000 - 16 * low,
            230..=239 => u32::MAX - low,
            _ => 0,
        }
    }
}
