//! The fields of MCAP records: little-endian numbers and length-prefixed strings.

/// MCAP opcodes that matter to a reader of messages.
pub(super) mod op {
    pub const HEADER: u8 = 0x01;
    pub const FOOTER: u8 = 0x02;
    pub const SCHEMA: u8 = 0x03;
    pub const CHANNEL: u8 = 0x04;
    pub const MESSAGE: u8 = 0x05;
    pub const CHUNK: u8 = 0x06;
    pub const STATISTICS: u8 = 0x0b;
}

/// Bytes of a record before its body: opcode and length.
pub(super) const RECORD_HEAD: u64 = 9;

/// Reads fields off the front of a record's body. `None` means that the body is too short.
pub(super) struct Fields<'b>(pub &'b [u8]);

impl<'b> Fields<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn text(&mut self) -> Option<&'b str> {
        let length = self.u32()? as usize;
        std::str::from_utf8(self.take(length)?).ok()
    }
}

/// Channel id, log time and data of a message record.
pub(super) fn message(body: &[u8]) -> Option<(u16, i64, &[u8])> {
    let mut fields = Fields(body);
    let channel = fields.u16()?;
    fields.u32()?;
    let log_time = fields.u64()?;
    fields.u64()?;
    Some((channel, nanoseconds(log_time), fields.0))
}

/// MCAP's unsigned nanoseconds, held to what fits.
pub(super) fn nanoseconds(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}
