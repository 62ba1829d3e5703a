//! Toured homes on disk: one small file a home, so that a tour that was stopped goes on.

use super::home_file::{HomeFile, write};
use super::tour::Toured;
use crate::learn::LearnError;
use crate::model::TokenKind;
use std::path::{Path, PathBuf};

/// A folder of toured homes.
#[derive(Debug, Clone)]
pub struct SceneCache {
    folder: PathBuf,
    /// Length of a feature.
    width: usize,
    tokens: TokenKind,
}

impl SceneCache {
    /// The toured homes in `folder`, seen with features of `width` numbers, to make `tokens` of;
    /// the folder is made where there is none.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(folder: &Path, width: usize, tokens: TokenKind) -> Result<Self, LearnError> {
        std::fs::create_dir_all(folder).map_err(LearnError::file(folder))?;
        Ok(Self { folder: folder.into(), width, tokens })
    }

    /// Whether the home is there.
    pub fn has(&self, id: &str) -> bool {
        self.path(id).exists()
    }

    /// Sees that of a home that is there, made up from `seed`, nothing else was kept than what shall be
    /// kept of others: a folder holds regions or voxels, not both. Its file is not read as a whole.
    ///
    /// # Errors
    ///
    /// When something else was, or the home is another, and when the file cannot be read.
    pub fn check(&self, id: &str, seed: u64) -> Result<(), LearnError> {
        let path = self.path(id);
        let mut file = HomeFile::open(&path)?;
        let found = file.tokens();
        if found == self.tokens {
            return file.check_seed(seed);
        }
        let (found, wanted) = (in_words(found), in_words(self.tokens));
        let reason = format!("{found} were kept of it, not {wanted}: take another folder");
        Err(LearnError::invalid(&path, reason))
    }

    fn path(&self, id: &str) -> PathBuf {
        let plain: String =
            id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        self.folder.join(format!("{plain}.safetensors"))
    }

    /// Keeps a home that was made up from `seed`.
    ///
    /// # Errors
    ///
    /// When its features have another width or are no numbers, and when it cannot be written.
    pub fn save(&self, id: &str, seed: u64, toured: &Toured) -> Result<(), LearnError> {
        write(&self.path(id), toured, seed, self.width)
    }

    /// The home, if it is there; it is made up from `seed`. Of regions tokens of both kinds can be made,
    /// of voxels only their own.
    ///
    /// # Errors
    ///
    /// When its file cannot be read, was made with other features or of another home of this name, or
    /// holds voxels where regions are wanted.
    pub fn load(&self, id: &str, seed: u64) -> Result<Option<Toured>, LearnError> {
        let path = self.path(id);
        if !path.exists() {
            return Ok(None);
        }
        let mut file = HomeFile::open(&path)?;
        if file.tokens() == TokenKind::Voxels && self.tokens == TokenKind::Regions {
            let reason = "voxels were kept of it, and `vision.tokens` is `regions`";
            return Err(LearnError::invalid(&path, reason));
        }
        file.check_seed(seed)?;
        file.toured(self.width).map(Some)
    }
}

fn in_words(tokens: TokenKind) -> &'static str {
    match tokens {
        TokenKind::Regions => "regions",
        TokenKind::Voxels => "voxels",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::scenes::Seen;
    use crate::scene::{Region, TokenFrame, VisualTokens};
    use crate::sim::household::Stance;
    use nalgebra::Vector2;

    /// That the homes are made up from, with something in both halves.
    const SEED: u64 = (1 << 41) + 3;

    fn stance() -> Stance {
        Stance { xy_m: Vector2::new(0.3, -1.1), heading: 6, look: -2 }
    }

    fn toured() -> Toured {
        let region = |x: f64, on| Region {
            name: 0,
            score: 0.5,
            feature: vec![0.5, -0.25, 1.0, x as f32],
            centre_m: [x, 2.0, 0.5],
            size_m: [0.25, 0.5, 1.0],
            rgb: [0.25, 0.5, 0.75],
            voxels: 1,
            on,
            seen_ns: [0, 0],
        };
        let scene = vec![region(1.0, None), region(1.5, Some(0))];
        let views = [vec![region(0.5, None)], vec![]];
        Toured {
            scene: Seen::Regions(scene),
            views: views.map(|regions| (stance(), Seen::Regions(regions))).to_vec(),
        }
    }

    /// A scene of two voxels and a view of none.
    fn voxels() -> Toured {
        let scene = VisualTokens {
            frame: TokenFrame::World,
            width: 4,
            features: vec![0.5, -0.25, 1.0, 2.0, 0.0, 1e6, 0.125, -3.0],
            xyz_m: vec![[1.0, 2.1, 0.5], [-1.0, 0.3, 0.7]],
            rgb: vec![[0.25, 0.5, 0.75], [0.1, 0.2, 0.3]],
        };
        let view = VisualTokens::none(TokenFrame::Camera, 4);
        Toured { scene: Seen::Voxels(scene), views: vec![(stance(), Seen::Voxels(view))] }
    }

    #[test]
    fn homes_come_back_as_they_were_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = SceneCache::open(folder.path(), 4, TokenKind::Regions).unwrap();
        assert_eq!(cache.load("trial/1", SEED).unwrap(), None);
        cache.save("trial/1", SEED, &toured()).unwrap();
        assert!(cache.has("trial/1") && !cache.has("trial/2"));
        cache.check("trial/1", SEED).unwrap();
        assert_eq!(cache.load("trial/1", SEED).unwrap(), Some(toured()));
        let other = SceneCache::open(folder.path(), 8, TokenKind::Regions).unwrap();
        let error = other.load("trial/1", SEED).unwrap_err().to_string();
        assert!(error.contains("trial_1.safetensors") && error.contains("width 4"), "{error}");
        for seed in [SEED + 1, SEED + (1 << 32)] {
            let error = cache.load("trial/1", seed).unwrap_err().to_string();
            assert!(error.contains("trial_1.safetensors") && error.contains("seed"), "{error}");
            assert!(cache.check("trial/1", seed).is_err());
        }
        // The sides of regions can be shown as voxels.
        let sides = SceneCache::open(folder.path(), 4, TokenKind::Voxels).unwrap();
        assert_eq!(sides.load("trial/1", SEED).unwrap(), Some(toured()));
    }

    #[test]
    fn voxels_come_back_and_are_told_from_regions() {
        let folder = tempfile::tempdir().unwrap();
        let open = |width, tokens| SceneCache::open(folder.path(), width, tokens).unwrap();
        let cache = open(4, TokenKind::Voxels);
        cache.save("seed 1", SEED, &voxels()).unwrap();
        cache.check("seed 1", SEED).unwrap();
        let mut right = voxels();
        let Seen::Voxels(scene) = &mut right.scene else { panic!("no voxels") };
        // As long as a 16-bit float can be.
        scene.features[5] = 65504.0;
        assert_eq!(cache.load("seed 1", SEED).unwrap(), Some(right));

        let wide = open(1024, TokenKind::Voxels).load("seed 1", SEED).unwrap_err().to_string();
        assert!(wide.contains("width 4, and `vision.width` is 1024"), "{wide}");
        let regions = open(4, TokenKind::Regions);
        let other = regions.load("seed 1", SEED).unwrap_err().to_string();
        assert!(other.contains("seed_1.safetensors: voxels were kept"), "{other}");
        let other = regions.check("seed 1", SEED).unwrap_err().to_string();
        assert!(other.contains("voxels were kept of it, not regions"), "{other}");
    }

    #[test]
    fn what_cannot_be_learnt_from_is_not_kept_and_broken_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let cache = SceneCache::open(folder.path(), 4, TokenKind::Voxels).unwrap();
        let refused = |change: &dyn Fn(&mut VisualTokens)| {
            let mut toured = voxels();
            let Seen::Voxels(scene) = &mut toured.scene else { panic!("no voxels") };
            change(scene);
            let error = cache.save("seed 1", SEED, &toured).unwrap_err().to_string();
            assert!(!cache.has("seed 1"), "{error}");
            error
        };
        let none = refused(&|scene| scene.features[2] = f32::NAN);
        assert!(none.contains("no finite numbers"), "{none}");
        let narrow = refused(&|scene| scene.features.truncate(4));
        assert!(narrow.contains("width 2, and 4 is to be kept"), "{narrow}");

        cache.save("seed 1", SEED, &voxels()).unwrap();
        let path = folder.path().join("seed_1.safetensors");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let cut = cache.load("seed 1", SEED).unwrap_err().to_string();
        assert!(cut.contains("seed_1.safetensors") && cut.contains("does not fit"), "{cut}");
    }
}
