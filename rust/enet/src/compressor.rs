//! What compresses datagrams.

use rusty_enet::{Compressor as _, RangeCoder};

/// Compresses the commands of each datagram. Both ends of a connection need the same one.
pub trait Compressor: Send {
    /// Compresses `data` into `into` and returns how many bytes that took; 0 if it does not fit.
    fn compress(&mut self, data: &[u8], into: &mut [u8]) -> usize;

    /// Decompresses `data`, which anybody may have made, into `into`, and returns how many bytes that took; 0 if it does
    /// not fit or cannot be decompressed.
    fn decompress(&mut self, data: &[u8], into: &mut [u8]) -> usize;
}

/// ENet's own compressor, the engine's `COMPRESS_RANGE_CODER`.
#[derive(Default)]
pub(crate) struct RangeCoding(RangeCoder);

impl Compressor for RangeCoding {
    fn compress(&mut self, data: &[u8], into: &mut [u8]) -> usize {
        self.0.compress(&[data], data.len(), into)
    }

    fn decompress(&mut self, data: &[u8], into: &mut [u8]) -> usize {
        self.0.decompress(data, into)
    }
}
