//! Memory that will be needed soon, asked for ahead of time.
//!
//! A server of many peers finds little of a peer's memory in the processor's cache, and most of what a packet takes is
//! waiting for it, piece after piece. Whoever knows which peer is next can have the processor fetch all its pieces at
//! once, beside other work. Nothing here reads or keeps memory: places may be out of date, or nobody's.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes a processor fetches at once.
const LINE: usize = 64;

/// A piece of memory: its lines, which are fetched whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address of the first line and, in the bits that such addresses have not, how many there are.
    lines: usize,
}

impl Place {
    /// So many bytes from here on, up to 63 lines of them.
    #[must_use]
    pub fn new(start: *const u8, bytes: usize) -> Self {
        let first = start.addr() & !(LINE - 1);
        let count = (start.addr() - first + bytes).div_ceil(LINE);
        Self {
            lines: first | count.min(LINE - 1),
        }
    }

    /// A value's own memory, without what it points to.
    #[must_use]
    pub fn of<T>(value: &T) -> Self {
        Self::new(std::ptr::from_ref(value).cast(), size_of::<T>())
    }

    /// Has the processor fetch it, and does not wait for it.
    #[inline]
    pub fn fetch(self) {
        let first = self.lines & !(LINE - 1);
        (0..self.lines % LINE).for_each(|index| prefetch(first.wrapping_add(index * LINE)));
    }
}

/// Up to so many places, which other threads may change.
#[derive(Debug)]
pub struct Footprint<const PLACES: usize>([AtomicUsize; PLACES]);

impl<const PLACES: usize> Footprint<PLACES> {
    /// No place.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { AtomicUsize::new(0) }; PLACES])
    }

    /// Takes the places of `places`, as many as there is room for, for those that it had.
    pub fn set(&self, places: impl IntoIterator<Item = Place>) {
        let lines = places.into_iter().map(|place| place.lines);
        for (to, lines) in self.0.iter().zip(lines.chain(std::iter::repeat(0))) {
            to.store(lines, Ordering::Relaxed);
        }
    }

    /// The places.
    pub fn iter(&self) -> impl Iterator<Item = Place> {
        let lines = self.0.iter().map(|it| it.load(Ordering::Relaxed));
        lines
            .map(|lines| Place { lines })
            .take_while(|it| it.lines > 0)
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Has the processor fetch them all, and does not wait for them.
    #[inline]
    pub fn fetch(&self) {
        self.iter().for_each(Place::fetch);
    }
}

impl<const PLACES: usize> Default for Footprint<PLACES> {
    fn default() -> Self {
        Self::new()
    }
}

/// Has the processor fetch the line of memory at an address, if there is any there. Processors that it does not know how
/// to ask do without.
#[inline(always)]
fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every such processor has the instruction, which changes nothing and takes any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "prfm pldl1keep, [{address}]",
            address = in(reg) address,
            options(nostack, readonly, preserves_flags),
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(start: usize, bytes: usize) -> (usize, usize) {
        let place = Place::new(std::ptr::without_provenance(start), bytes);
        (place.lines & !63, place.lines % 64)
    }

    #[test]
    fn a_place_is_every_line_that_it_touches() {
        assert_eq!(lines(6400, 64), (6400, 1));
        assert_eq!(lines(6401, 63), (6400, 1));
        assert_eq!(lines(6401, 64), (6400, 2));
        assert_eq!(lines(6463, 66), (6400, 3));
        assert_eq!(lines(6400, 0), (6400, 0));
        assert_eq!(lines(6400, 1 << 20), (6400, 63));
        let value = [0_u8; 200];
        let place = Place::of(&value);
        assert!(place.lines % 64 >= 4 && place.lines & !63 <= value.as_ptr().addr());
    }

    #[test]
    fn a_footprint_has_the_places_that_it_was_given_last_as_far_as_there_is_room() {
        let place = |number: usize| Place::new(std::ptr::without_provenance(number * 64), 64);
        let footprint = Footprint::<3>::new();
        assert!(footprint.is_empty());
        footprint.set((1..=5).map(place));
        assert!(footprint.iter().eq((1..=3).map(place)));
        footprint.set([place(7)]);
        assert!(footprint.iter().eq([place(7)]));
        footprint.set([]);
        assert!(footprint.is_empty());
    }

    #[test]
    fn to_ask_for_memory_that_is_not_there_does_no_harm() {
        let footprint = Footprint::<3>::default();
        let nowhere = |address: usize| Place::new(std::ptr::without_provenance(address), 4000);
        footprint.set([1, 1 << 60, usize::MAX - 8000].map(nowhere));
        footprint.fetch();
    }
}
