//! A view as other light, another sensor or a mirror would show it.

use super::record::{Label, Record};
use crate::vision::scene_vit::{COLUMNS, HEIGHT_PX, Part, Picture, View, WIDTH_PX};
use rand::Rng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// How much views are changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Chance of a mirror, left and right swapped.
    pub mirror: f64,
    /// Most that all light is raised or lowered, in natural logarithms.
    pub brightness: f32,
    /// Most that a channel is raised or lowered on top, in natural logarithms.
    pub tint: f32,
    /// Most that the exponent of the response is raised or lowered, in natural logarithms.
    pub contrast: f32,
    /// Chance that depth has holes.
    pub holes: f64,
    /// Chance that there is no depth at all.
    pub no_depth: f64,
    /// Most that the floor is taken to be higher or lower than it is, metres.
    pub floor_m: f32,
}

/// A view to learn from.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Colour and depth.
    pub picture: Picture,
    /// How the camera stands.
    pub view: View,
    /// What of the camera's picture it is.
    pub part: Part,
    /// What each cell shows.
    pub labels: Vec<Label>,
    /// Whether left and right are swapped.
    pub is_mirrored: bool,
}

impl Shot {
    /// A view as it is.
    pub fn plain(record: Record) -> Self {
        let (view, part) = (record.view(), record.part());
        let depth_m = record.depth_mm.iter().map(|mm| f32::from(*mm) * 1e-3).collect();
        let picture = Picture { rgb: record.rgb, depth_m };
        Self { picture, view, part, labels: record.labels, is_mirrored: false }
    }

    /// A view changed by chance.
    pub fn changed(record: Record, by: &Augmentation, rng: &mut Pcg64Mcg) -> Self {
        let mut shot = Self::plain(record);
        shot.light(by, rng);
        if rng.random_bool(by.no_depth) {
            shot.picture.depth_m.fill(0.0);
        } else if rng.random_bool(by.holes) {
            shot.holes(rng);
        }
        shot.view.height_m += rng.random_range(-1.0..=1.0) * by.floor_m;
        if rng.random_bool(by.mirror) {
            shot.mirror();
        }
        shot
    }

    fn light(&mut self, by: &Augmentation, rng: &mut Pcg64Mcg) {
        let mut within = |most: f32| (rng.random_range(-1.0..=1.0f32) * most).exp();
        let (brightness, power) = (within(by.brightness), within(by.contrast));
        let gains: [f32; 3] = std::array::from_fn(|_| brightness * within(by.tint));
        let tables = gains.map(|gain| {
            std::array::from_fn::<u8, 256, _>(|level| {
                // The cast saturates.
                (255.0 * gain * (level as f32 / 255.0).powf(power) + 0.5) as u8
            })
        });
        for pixel in self.picture.rgb.as_chunks_mut::<3>().0 {
            for (level, table) in pixel.iter_mut().zip(&tables) {
                *level = table[usize::from(*level)];
            }
        }
    }

    /// A few rectangles and a scatter of pixels without a reading.
    fn holes(&mut self, rng: &mut Pcg64Mcg) {
        for _ in 0..rng.random_range(1..5) {
            let (left, top) = (rng.random_range(0..WIDTH_PX), rng.random_range(0..HEIGHT_PX));
            let right = (left + rng.random_range(8..100)).min(WIDTH_PX);
            let bottom = (top + rng.random_range(8..80)).min(HEIGHT_PX);
            for row in top..bottom {
                self.picture.depth_m[row * WIDTH_PX + left..row * WIDTH_PX + right].fill(0.0);
            }
        }
        for _ in 0..rng.random_range(0..8000) {
            let at = rng.random_range(0..self.picture.depth_m.len());
            self.picture.depth_m[at] = 0.0;
        }
    }

    /// Swaps left and right. The camera looks through the middle of its image, so the rays of the
    /// mirrored part are those of the part on its other side.
    fn mirror(&mut self) {
        for row in self.picture.rgb.chunks_exact_mut(3 * WIDTH_PX) {
            row.as_chunks_mut::<3>().0.reverse();
        }
        self.picture.depth_m.chunks_exact_mut(WIDTH_PX).for_each(<[f32]>::reverse);
        self.labels.chunks_exact_mut(COLUMNS).for_each(<[Label]>::reverse);
        self.view = self.view.mirrored();
        self.part = self.part.mirrored();
        self.is_mirrored = !self.is_mirrored;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::vision::fixtures::UNCHANGED;
    use crate::vision::scene_vit::CELLS;
    use rand::SeedableRng;

    fn record() -> Record {
        let pixels = WIDTH_PX * HEIGHT_PX;
        Record {
            rgb: (0..3 * pixels).map(|i| (i / 3 % WIDTH_PX / 2) as u8).collect(),
            depth_mm: (0..pixels).map(|i| 1000 + (i % WIDTH_PX) as u16).collect(),
            view: [0.3, -0.9, 0.1, 1.2],
            part: [2, 1, 0],
            labels: (0..CELLS).map(|cell| [((cell % COLUMNS) as u8, 64); 4]).collect(),
        }
    }

    #[test]
    fn a_mirror_takes_everything_along() {
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let plain = Shot::plain(record());
        let same = Shot::changed(record(), &UNCHANGED, &mut rng);
        assert_eq!((&same.picture, &same.labels), (&plain.picture, &plain.labels));
        let by = Augmentation { mirror: 1.0, ..UNCHANGED };
        let mirrored = Shot::changed(record(), &by, &mut rng);
        assert!(mirrored.is_mirrored);
        assert_eq!(mirrored.picture.rgb[..3], [159; 3]);
        assert_eq!(mirrored.picture.depth_m[0], plain.picture.depth_m[WIDTH_PX - 1]);
        assert_eq!(mirrored.labels[0][0].0, 39);
        assert_eq!(mirrored.view.up.x, -0.3);
        assert_eq!(mirrored.part, Part { across: 2, row: 1, column: 1 });
    }

    #[test]
    fn light_and_holes_change_what_they_should() {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let plain = Shot::plain(record());
        let by = Augmentation { brightness: 0.5, holes: 1.0, ..UNCHANGED };
        let changed = Shot::changed(record(), &by, &mut rng);
        assert_ne!(changed.picture.rgb, plain.picture.rgb);
        let missing = changed.picture.depth_m.iter().filter(|depth| **depth == 0.0).count();
        assert!((64..70_000).contains(&missing), "{missing}");
        let blind = Shot::changed(record(), &Augmentation { no_depth: 1.0, ..UNCHANGED }, &mut rng);
        assert!(blind.picture.depth_m.iter().all(|depth| *depth == 0.0));
    }
}
