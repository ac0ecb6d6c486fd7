//! In: decoded frames. Out: those asked for last, as many as a budget of bytes holds.

use std::collections::HashMap;

use super::picture::Rgb8;

/// Frames by number, the least recently used leaving first.
pub(super) struct Cache {
    budget: u64,
    bytes: u64,
    uses: u64,
    frames: HashMap<u32, (Rgb8, u64)>,
}

impl Cache {
    pub(super) fn new(budget: u64) -> Self {
        Self {
            budget,
            bytes: 0,
            uses: 0,
            frames: HashMap::new(),
        }
    }

    pub(super) fn get(&mut self, frame: u32) -> Option<Rgb8> {
        self.uses += 1;
        let (rgb, used) = self.frames.get_mut(&frame)?;
        *used = self.uses;
        Some(rgb.clone())
    }

    pub(super) fn put(&mut self, frame: u32, rgb: Rgb8) {
        self.uses += 1;
        self.bytes += rgb.bytes();
        if let Some((old, _)) = self.frames.insert(frame, (rgb, self.uses)) {
            self.bytes -= old.bytes();
        }
        while self.bytes > self.budget && self.frames.len() > 1 {
            // No two frames were used at once, so the choice does not depend on the map's order.
            let Some(oldest) = self
                .frames
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(frame, _)| *frame)
            else {
                break;
            };
            if let Some((old, _)) = self.frames.remove(&oldest) {
                self.bytes -= old.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgb(level: u8) -> Rgb8 {
        Rgb8::new(1, 1, vec![level; 3])
    }

    #[test]
    fn the_least_recently_used_frame_leaves_when_the_budget_is_full() {
        let mut cache = Cache::new(6);
        cache.put(0, rgb(0));
        cache.put(1, rgb(1));
        assert_eq!(cache.get(0), Some(rgb(0)));
        cache.put(2, rgb(2));
        assert_eq!(
            [0, 1, 2].map(|frame| cache.get(frame).is_some()),
            [true, false, true]
        );
    }

    #[test]
    fn a_frame_larger_than_the_budget_is_kept_alone() {
        let mut cache = Cache::new(2);
        cache.put(0, rgb(0));
        cache.put(1, rgb(1));
        assert_eq!(
            [0, 1].map(|frame| cache.get(frame).is_some()),
            [false, true]
        );
    }
}
