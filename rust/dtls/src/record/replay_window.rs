//! Replay detection (RFC 6347 section 4.1.2.6).

/// Which of the 64 highest sequence numbers were received.
#[derive(Default)]
pub(crate) struct ReplayWindow {
    /// One more than the highest number that was received; 0 if none was.
    next: u64,
    /// Bit 0 stands for the highest number, bit 1 for the one before it, and so on.
    seen: u64,
}

impl ReplayWindow {
    /// Whether no record with this number was received. A number below the window counts as received.
    pub(crate) fn is_new(&self, number: u64) -> bool {
        match self.next.checked_sub(number + 1) {
            None => true,
            Some(age) => age < u64::BITS.into() && self.seen >> age & 1 == 0,
        }
    }

    /// Remembers an authentic record.
    pub(crate) fn mark(&mut self, number: u64) {
        match self.next.checked_sub(number + 1) {
            None => {
                let ahead = number + 1 - self.next;
                let kept = u32::try_from(ahead).ok();
                self.seen = kept.and_then(|by| self.seen.checked_shl(by)).unwrap_or(0) | 1;
                self.next = number + 1;
            }
            Some(age) if age < u64::BITS.into() => self.seen |= 1 << age,
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once_and_one_below_the_window_never() {
        let mut window = ReplayWindow::default();
        let order = [0, 3, 1, 200, 137, 201, 2, 199, 10_000, (1 << 48) - 1];
        let fresh = [true, true, true, true, true, true, false, true, true, true];
        for (number, fresh) in order.into_iter().zip(fresh) {
            assert_eq!(window.is_new(number), fresh, "{number}");
            if fresh {
                window.mark(number);
            }
            assert!(!window.is_new(number), "{number}");
        }
    }

    #[test]
    fn the_window_has_64_numbers() {
        let mut window = ReplayWindow::default();
        window.mark(100);
        assert!(window.is_new(100 - 63));
        assert!(!window.is_new(100 - 64));
        window.mark(100 - 63);
        assert!(!window.is_new(100 - 63));
        window.mark(101);
        assert!(!window.is_new(100));
        assert!(window.is_new(99));
    }

    #[test]
    fn the_window_agrees_with_a_list_of_all_numbers() {
        let mut window = ReplayWindow::default();
        let (mut all, mut highest, mut random) = (std::collections::HashSet::new(), 0_u64, 7_u64);
        for _ in 0..20_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let number = (highest + (random >> 57)).saturating_sub(90);
            let fresh = !all.contains(&number) && number + 64 > highest;
            assert_eq!(window.is_new(number), fresh, "{number} after {highest}");
            if fresh {
                window.mark(number);
                all.insert(number);
                highest = highest.max(number);
            }
        }
    }
}
