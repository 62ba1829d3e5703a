use super::fixtures::{TINY, write_model};
use super::*;
use crate::geometry::{CameraModel, Pose};
use crate::sensing::DepthImage;
use image::{Rgb, RgbImage};

pub(super) fn weights(shape: &SceneVitShape) -> BTreeMap<String, Tensor> {
    let mut chance = Checkpoint::chance(NAME, 3, &Device::Cpu);
    // Chance gives small weights; larger ones bend the network where differences can be measured.
    let larger = |(name, tensor): (String, Tensor)| {
        let tensor = if name.contains("norm") { tensor } else { (tensor * 8.0).unwrap() };
        (name, tensor)
    };
    take(shape, &mut chance).unwrap().into_iter().map(larger).collect()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = SceneVitConfig::new(TINY, 2, ["mug", "open mug", "wall"].map(String::from).into());
    write_model(folder.path(), &config, &weights(&TINY));
    folder
}

fn frame(width: u32, height: u32) -> RgbdFrame {
    let focal = 277.0 * f64::from(width) / 320.0;
    let middle = |edge: u32| 0.5 * (f64::from(edge) - 1.0);
    RgbdFrame {
        stamp_ns: 0,
        color: RgbImage::from_fn(width, height, |u, v| {
            Rgb([(u * 255 / width) as u8, (v * 7 % 256) as u8, 160])
        }),
        depth_m: DepthImage { width, height, data_m: vec![1.5; (width * height) as usize] },
        camera: CameraModel::pinhole(width, height, focal, focal, middle(width), middle(height)),
        world_T_camera: Pose::translation(0.0, 0.0, 1.2),
    }
}

#[test]
fn a_folder_becomes_an_extractor_in_the_space_of_words() {
    let folder = folder();
    let vit = super::super::open_extractor("scene_vit", Some(folder.path()), &Device::Cpu).unwrap();
    assert_eq!((vit.width(), vit.text_space()), (16, Some("word_hash_16")));
    assert_eq!(vit.names(), ["mug", "wall"]);
    assert_eq!(vit.states(), [["open", "mug"]]);
    for (width, height, across) in [(320, 240, 1), (640, 480, 2), (100, 90, 1), (1300, 970, 2)] {
        let map = vit.extract(&frame(width, height)).unwrap();
        assert_eq!((map.rows, map.columns, map.width), (30 * across, 40 * across, 16));
        for cell in map.data.chunks_exact(16) {
            let length: f32 = cell.iter().map(|x| x * x).sum();
            // Its norm adds a little before the root.
            assert!((length - 1.0).abs() < 1e-2, "{length}");
        }
        assert_ne!(map.cell(3, 3), map.cell(3, 30));
    }
    let mut odd = frame(64, 48);
    odd.depth_m.width = 63;
    assert!(vit.extract(&odd).unwrap_err().to_string().contains("depth"));
    for (width, height) in [(1, 1), (1, 500)] {
        let map = vit.extract(&frame(width, height)).unwrap();
        assert!(map.data.iter().all(|x| x.is_finite()), "{width}×{height}");
    }
    odd.color = RgbImage::new(0, 48);
    assert!(vit.extract(&odd).unwrap_err().to_string().contains("empty"));
}

#[test]
fn faults_of_a_folder_are_named() {
    let folder = folder();
    let load = || SceneVit::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    let path = folder.path().join("config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(r#""head":24"#, r#""head":25"#)).unwrap();
    assert!(load().contains("head.0.weight"), "{}", load());
    std::fs::write(&path, text.replace(r#""heads":2"#, r#""heads":0"#)).unwrap();
    assert!(load().contains("shape.heads"), "{}", load());
    std::fs::write(&path, text.replace("scene_vit", "vit")).unwrap();
    assert!(load().contains("model_type"), "{}", load());
}
