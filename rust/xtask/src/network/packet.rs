//! Packets with their sender, their number and a digest: `godot_project/links/packet.gd`.

use openssl::sha::sha256;

use testkit::SeededRng;

const HEADER: usize = 8;
const DIGEST: usize = 8;

/// The smallest packet of this kind.
pub(crate) const SMALLEST: usize = HEADER + DIGEST;

/// A packet of `size` bytes, or the smallest.
pub(crate) fn numbered(sender: u32, number: u32, size: usize, rng: &mut SeededRng) -> Vec<u8> {
    let mut packet = Vec::with_capacity(size.max(SMALLEST));
    packet.extend(sender.to_le_bytes());
    packet.extend(number.to_le_bytes());
    packet.extend(rng.bytes(size.saturating_sub(SMALLEST)));
    let digest = sha256(&packet);
    packet.extend(&digest[..DIGEST]);
    packet
}

/// A numbered packet's sender and number; nothing if it was altered.
pub(crate) fn read(packet: &[u8]) -> Option<(u32, u32)> {
    let (contents, digest) = packet.split_last_chunk::<DIGEST>()?;
    let (sender, rest) = contents.split_first_chunk()?;
    let (number, _) = rest.split_first_chunk()?;
    (sha256(contents)[..DIGEST] == *digest)
        .then(|| (u32::from_le_bytes(*sender), u32::from_le_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_every_size_are_read_and_each_altered_bit_is_seen() {
        let mut rng = SeededRng::new(1);
        for size in [0, 16, 17, 100, 16_384] {
            let packet = numbered(7, 9, size, &mut rng);
            assert_eq!(packet.len(), size.max(SMALLEST));
            assert_eq!(read(&packet), Some((7, 9)));
            for _ in 0..20 {
                let mut altered = packet.clone();
                rng.flip_bit(&mut altered);
                assert_eq!(read(&altered), None);
            }
            assert_eq!(read(&packet[1..]), None);
        }
        assert_eq!(read(b"short"), None);
    }
}
