//! Which of the changes that may be lost are lost: all subsets of a few, chosen ones of many.

use super::disk::{Change, Disk, Image};
use crate::torture::random::Random;

/// Up to so many changes every subset is tried.
const FEW: usize = 6;

/// How much is tried where power may be lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// At most so many subsets of more than a few changes.
    pub(super) subsets: usize,
    /// And so many of their sectors.
    pub(super) torn: usize,
}

/// The disk after each loss that is tried.
pub(super) fn images(disk: &Disk, effort: Effort, random: &mut Random) -> Vec<Image> {
    let pending = disk.pending();
    if pending.len() <= FEW {
        let mut images: Vec<Image> = (0..1_usize << pending.len())
            .map(|kept| disk.after_loss(&chosen(pending, |at| kept >> at & 1 == 1)))
            .collect();
        images.extend(torn(disk, effort.torn, random));
        return images;
    }
    let mut images = Vec::new();
    // None, all, the first few, and one more or less than any of these are where order matters.
    images.push(disk.after_loss(&[]));
    images.push(disk.after_loss(&chosen(pending, |_| true)));
    while images.len() < effort.subsets.max(2) {
        let (one, way) = (random.below(pending.len()), random.below(4));
        let kept = match way {
            0 => chosen(pending, |at| at < one),
            1 => chosen(pending, |at| at != one),
            2 => chosen(pending, |at| at == one),
            _ => {
                let share = 1 + random.below(9);
                chosen(pending, |_| random.below(10) < share)
            }
        };
        images.push(disk.after_loss(&kept));
    }
    images.extend(torn(disk, effort.torn, random));
    images
}

fn torn(disk: &Disk, times: usize, random: &mut Random) -> Vec<Image> {
    let pieces: Vec<Change> = disk.pending().iter().flat_map(Change::torn).collect();
    let mut images = Vec::new();
    for _ in 0..times {
        let share = 1 + random.below(9);
        images.push(disk.after_loss(&chosen(&pieces, |_| random.below(10) < share)));
    }
    images
}

fn chosen(changes: &[Change], mut keep: impl FnMut(usize) -> bool) -> Vec<&Change> {
    let kept = changes.iter().enumerate().filter(|(at, _)| keep(*at));
    kept.map(|(_, change)| change).collect()
}
