//! The engine's compression of ENet datagrams.

use godot::builtin::PackedByteArray;
use godot::classes::file_access::CompressionMode as Algorithm;

use crate::tls::credential::quietly;

/// Compresses as the engine's class does, with the engine's own code.
pub(crate) struct EngineCompressor(pub(crate) Algorithm);

impl enet::Compressor for EngineCompressor {
    /// Returns the size of the output, or 0 if it does not fit: the datagram is sent as it is then.
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        let compressed = PackedByteArray::from(input).compress(self.0);
        compressed.map_or(0, |compressed| copy(compressed.as_slice(), output))
    }

    /// Returns the size of the output, or 0 if the input is broken or larger than the output once it is decompressed.
    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        if input.is_empty() {
            // The engine prints an error, of every algorithm.
            return 0;
        }
        let input = PackedByteArray::from(input);
        let decompress = || input.decompress(output.len(), self.0);
        // Of broken data, the engine prints an error, which would run scripts' loggers while the host is locked.
        let decompressed = match self.0 {
            Algorithm::DEFLATE => quietly(decompress),
            _ => decompress(),
        };
        decompressed.map_or(0, |decompressed| copy(decompressed.as_slice(), output))
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    match to.get_mut(..from.len()) {
        Some(to) => {
            to.copy_from_slice(from);
            from.len()
        }
        None => 0,
    }
}
