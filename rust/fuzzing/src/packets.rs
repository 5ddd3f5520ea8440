//! Numbered packets, so that a changed or repeated one is detected.

/// What one side sent and the other received.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Each packet's length, and whether it arrived.
    sent: Vec<(usize, bool)>,
}

impl Ledger {
    /// The next packet, of about this length.
    pub(crate) fn next(&self, length: usize) -> Vec<u8> {
        packet(self.sent.len(), length.clamp(2, dtls::MAX_PACKET))
    }

    pub(crate) fn sent(&mut self, packet: &[u8]) {
        self.sent.push((packet.len(), false));
    }

    /// Asserts that the packet was sent, as it is, and did not arrive before.
    pub(crate) fn arrived(&mut self, got: &[u8]) {
        assert!(got.len() >= 2, "no packet this short was sent");
        let number = usize::from(u16::from_be_bytes([got[0], got[1]]));
        let (length, arrived) = self.sent.get_mut(number).expect("a packet that was sent");
        assert!(got == packet(number, *length), "packet {number} is changed");
        assert!(!*arrived, "packet {number} arrived twice");
        *arrived = true;
    }
}

fn packet(number: usize, length: usize) -> Vec<u8> {
    let number = u16::try_from(number).expect("a run sends few packets");
    let mut packet = vec![number as u8; length];
    packet[..2].copy_from_slice(&number.to_be_bytes());
    packet
}
