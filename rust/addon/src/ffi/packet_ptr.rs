//! Packets as the pointers that the engine's virtual methods `_get_packet` and `_put_packet` pass.

use endpoint::packet_memory;
use godot::global::Error;
use godot::meta::conv::RawPtr;

/// Writes the result of a `_get_packet` call. The packet stays where the engine can read it, also while that runs a
/// script: see [`endpoint::packet_memory`].
///
/// # Safety
/// Both pointers must be valid for writes.
pub(crate) unsafe fn give(
    packet: Result<Vec<u8>, Error>,
    buffer: RawPtr<*mut RawPtr<*const u8>>,
    buffer_size: RawPtr<*mut i32>,
) -> Error {
    let (start, length) = match packet {
        Ok(packet) => packet_memory::lend(packet),
        Err(error) => return error,
    };
    // SAFETY: both pointers are valid for writes, by this function's contract; `RawPtr<*const u8>` has the layout of the
    // pointer that it holds (`repr(transparent)` in gdext).
    unsafe {
        buffer.ptr().cast::<*const u8>().write(start);
        buffer_size
            .ptr()
            .write(i32::try_from(length).unwrap_or(i32::MAX));
    }
    Error::OK
}

/// The bytes of a `_put_packet` call.
///
/// # Safety
/// `buffer` must be valid for reads of `size` bytes for as long as the slice is used.
pub(crate) unsafe fn borrow<'a>(buffer: RawPtr<*const u8>, size: i32) -> &'a [u8] {
    match usize::try_from(size) {
        Ok(size) if size > 0 && !buffer.ptr().is_null() => {
            // SAFETY: the pointer is not null, and valid for `size` bytes by this function's contract.
            unsafe { std::slice::from_raw_parts(buffer.ptr(), size) }
        }
        _ => &[],
    }
}
