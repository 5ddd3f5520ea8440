//! Forged and invalid datagrams of every kind, for tests.

use testkit::SeededRng;
use testkit::forged::plain_record;

/// Makes datagrams, the same ones for the same seed.
pub(crate) struct Hostile {
    rng: SeededRng,
    /// What is sent again, whole or in part: captured from this session or from another.
    pub(crate) captured: Vec<Vec<u8>>,
}

impl Hostile {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: SeededRng::new(seed),
            captured: Vec::new(),
        }
    }

    pub(crate) fn datagram(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => Vec::new(),
            1 => self.bytes_below(2000),
            2 => match self.below(100) {
                0 => vec![self.byte(); 65_507],
                _ => self.record(),
            },
            3 => {
                let (level, kind) = (self.below(4) as u8, self.byte());
                self.plain(21, &[level, kind])
            }
            4 => self.plain(21, &[1, 0]),
            5 => {
                let body = self.bytes_below(4);
                self.plain(20, &body)
            }
            6 | 7 => {
                let message = self.message();
                self.plain(22, &message)
            }
            8 => {
                let mut two = self.record();
                two.extend(self.record());
                two
            }
            9 => self.captured_one(),
            10 => {
                let mut cut = self.captured_one();
                cut.truncate(self.below(cut.len() as u64 + 1) as usize);
                cut
            }
            _ => {
                let mut changed = self.captured_one();
                self.rng.flip_bit(&mut changed);
                changed
            }
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.rng.below(end)
    }

    fn byte(&mut self) -> u8 {
        self.rng.byte()
    }

    fn bytes_below(&mut self, end: u64) -> Vec<u8> {
        let length = self.below(end);
        self.rng.bytes(length as usize)
    }

    fn captured_one(&mut self) -> Vec<u8> {
        if self.captured.is_empty() {
            return Vec::new();
        }
        let which = self.below(self.captured.len() as u64) as usize;
        self.captured[which].clone()
    }

    /// Any content type, version, epoch and number; a length that is right, or not.
    fn record(&mut self) -> Vec<u8> {
        let content_type = match self.below(4) {
            0 => self.byte(),
            _ => 18 + self.below(9) as u8,
        };
        let version = [[254, 253], [254, 253], [254, 255], [3, 3]][self.below(4) as usize];
        let epoch = [0, 1, 1, 1, 2, 0xffff][self.below(6) as usize];
        let body = self.bytes_below(300);
        let length = match self.below(4) {
            0 => self.below(0x1_0000) as u16,
            _ => body.len() as u16,
        };
        let number = match self.below(2) {
            0 => self.below(100),
            _ => self.below(1 << 48),
        };
        let mut record = vec![content_type];
        record.extend(version);
        record.extend(u16::to_be_bytes(epoch));
        record.extend(&number.to_be_bytes()[2..]);
        record.extend(length.to_be_bytes());
        record.extend(body);
        record
    }

    /// A record in plain text that is well formed but for its body.
    fn plain(&mut self, content_type: u8, body: &[u8]) -> Vec<u8> {
        let number = self.below(1 << 20);
        plain_record(content_type, number, body)
    }

    /// A handshake message with any length, place and fragment, possible or absurd.
    fn message(&mut self) -> Vec<u8> {
        let kinds = [0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 22, 255];
        let kind = kinds[self.below(kinds.len() as u64) as usize];
        let body = self.bytes_below(200);
        let mut number = |right: u64| match self.below(4) {
            0 => self.below(1 << 24),
            1 => 0xff_ffff,
            _ => right,
        };
        let (offset, fragment) = (number(0), number(body.len() as u64));
        let length = number(body.len() as u64);
        let mut message = vec![kind];
        message.extend(&length.to_be_bytes()[5..]);
        message.extend((self.below(6) as u16).to_be_bytes());
        message.extend(&offset.to_be_bytes()[5..]);
        message.extend(&fragment.to_be_bytes()[5..]);
        message.extend(body);
        message
    }
}
