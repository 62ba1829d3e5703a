//! Rendered views in a folder, made once and read by every training.
//!
//! `frames.json` tells which homes were seen and what is in them; `frames.bin` holds the views, each
//! of the same number of bytes. A rendering that was stopped goes on where it ended; of several at a
//! time one renders, and the others wait for it.

use super::homes::{Home, HomesConfig, choose};
use super::record::{LABELS_AT, Label, RECORD_BYTES, Record, labels_of};
use crate::geometry::CameraModel;
use crate::learn::save::save_text;
use crate::learn::{AlfredTask, LearnError};
use crate::sim::{Renderer, SensorNoise};
use crate::vision::scene_vit::Part;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Changes whenever views would be rendered in another way.
const VERSION: u32 = 3;
/// Homes rendered between two writings.
const HOMES_A_WRITING: usize = 16;
/// Most names; a name is one byte.
const MOST_NAMES: usize = 255;

/// What `frames.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    config: HomesConfig,
    /// Names of everything in the homes, sorted.
    names: Vec<String>,
    homes: Vec<Home>,
}

/// The camera of the views: what that of [`crate::sim::episode::EpisodeOptions`] sees, in the size in
/// which the network looks at all of it.
pub fn camera() -> CameraModel {
    Part::WHOLE.camera(&crate::sim::episode::EpisodeOptions::default().camera)
}

/// The views of a folder.
#[derive(Debug)]
pub struct Frames {
    header: Header,
    path: PathBuf,
    file: File,
}

impl Frames {
    /// Opens the views in `folder`, rendering what is not there yet; `report` hears how many homes
    /// of how many are done, and stops the work by saying `false`. `None` when it did.
    ///
    /// # Errors
    ///
    /// When the folder holds views of another configuration or cannot be written, or no home can be
    /// built.
    pub fn render(
        folder: &Path,
        config: &HomesConfig,
        tasks: &[AlfredTask],
        report: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Option<Self>, LearnError> {
        std::fs::create_dir_all(folder).map_err(LearnError::file(folder))?;
        let path = folder.join("frames.bin");
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let mut file = file.map_err(LearnError::file(&path))?;
        // Two that write behind each other would take the views of one home for those of another. Some
        // file systems know no locks: it goes without.
        let is_locked = file.lock().is_ok();
        let header = header(folder, config, tasks)?;
        let home_bytes = config.views * RECORD_BYTES;
        let there = file.metadata().map_err(LearnError::file(&path))?.len() as usize / home_bytes;
        // What was half written is written anew.
        file.set_len((there * home_bytes) as u64).map_err(LearnError::file(&path))?;
        let names: BTreeMap<String, u8> = header.names.iter().cloned().zip(0..).collect();
        let mut done = there.min(header.homes.len());
        for homes in header.homes[done..].chunks(HOMES_A_WRITING) {
            if !report(done, header.homes.len()) {
                return Ok(None);
            }
            let seen: Vec<Vec<u8>> = homes
                .par_iter()
                .map(|home| shoot(home, config, tasks, &names))
                .collect::<Result<_, _>>()?;
            file.write_all(&seen.concat()).map_err(LearnError::file(&path))?;
            done += homes.len();
        }
        if is_locked {
            file.unlock().map_err(LearnError::file(&path))?;
        }
        Ok(Some(Self { header, path, file }))
    }

    /// Names that cells have.
    pub fn names(&self) -> &[String] {
        &self.header.names
    }

    /// Parts side by side of a picture that is looked at closely.
    pub fn most_across(&self) -> usize {
        if self.header.config.close > 0.0 { 2 } else { 1 }
    }

    /// Indices of the views of homes to learn from, or of those that are held out.
    pub fn indices(&self, held_out: bool) -> Vec<usize> {
        let views = self.header.config.views;
        let homes = self.header.homes.iter().enumerate();
        let wanted = homes.filter(|(_, home)| home.held_out == held_out);
        wanted.flat_map(|(at, _)| at * views..(at + 1) * views).collect()
    }

    /// A view.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(&self, index: usize) -> Result<Record, LearnError> {
        let bytes = self.bytes(index, 0)?;
        Record::from_bytes(&bytes).ok_or_else(|| LearnError::invalid(&self.path, "is cut off"))
    }

    /// What the cells of a view show.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn labels(&self, index: usize) -> Result<Vec<Label>, LearnError> {
        Ok(labels_of(&self.bytes(index, LABELS_AT)?))
    }

    fn bytes(&self, index: usize, from: usize) -> Result<Vec<u8>, LearnError> {
        let mut bytes = vec![0; RECORD_BYTES - from];
        let at = (index * RECORD_BYTES + from) as u64;
        self.file.read_exact_at(&mut bytes, at).map_err(LearnError::file(&self.path))?;
        Ok(bytes)
    }
}

/// The header in `folder`, or a new one.
fn header(folder: &Path, config: &HomesConfig, tasks: &[AlfredTask]) -> Result<Header, LearnError> {
    let path = folder.join("frames.json");
    if path.exists() {
        let text = std::fs::read_to_string(&path).map_err(LearnError::file(&path))?;
        let header: Header =
            serde_json::from_str(&text).map_err(|error| LearnError::invalid(&path, error))?;
        if header.names.len() > MOST_NAMES {
            return Err(LearnError::invalid(&path, format!("more than {MOST_NAMES} names")));
        }
        if header.version != VERSION || header.config != *config {
            let reason = "was rendered with another configuration; \
                          go on with that one, or remove the folder to render anew";
            return Err(LearnError::invalid(&path, reason));
        }
        return Ok(header);
    }
    // A trajectory may be told so that the robot would stand in something: that home is left out.
    let built: Vec<Option<(Home, BTreeSet<String>)>> = choose(config, tasks)
        .into_par_iter()
        .map(|home| {
            let (world, _) = home.build(tasks, config.moved).ok()?;
            let names = world.home().entities.iter().map(|entity| world.called(entity)).collect();
            Some((home, names))
        })
        .collect();
    let (homes, names): (Vec<Home>, Vec<BTreeSet<String>>) = built.into_iter().flatten().unzip();
    let names: BTreeSet<String> = names.into_iter().flatten().collect();
    if homes.is_empty() || config.views == 0 || names.len() > MOST_NAMES {
        let reason = format!(
            "{} homes, {} views of each, {} names; need at least one view and at most {MOST_NAMES} \
             names",
            homes.len(),
            config.views,
            names.len()
        );
        return Err(LearnError::Views(reason));
    }
    let names = names.into_iter().collect();
    let header = Header { version: VERSION, config: *config, names, homes };
    let text = serde_json::to_string(&header).expect("numbers and names are JSON");
    save_text(&text, &path)?;
    Ok(header)
}

/// All views of a home, as bytes.
fn shoot(
    home: &Home,
    config: &HomesConfig,
    tasks: &[AlfredTask],
    names: &BTreeMap<String, u8>,
) -> Result<Vec<u8>, LearnError> {
    let (world, moved) = home.build(tasks, config.moved)?;
    let shown = world.shown();
    let camera = camera();
    let renderer = Renderer::new(camera)?.with_shadows_of(&shown);
    let mut noise = SensorNoise::new(home.seed);
    let mut bytes = Vec::with_capacity(config.views * RECORD_BYTES);
    for sight in home.views(&world, &moved, config, &camera) {
        let renderer = renderer.clone().with_camera(sight.part.camera(&camera))?;
        let mut seen = renderer.render(&shown, &sight.world_T_camera);
        noise.color(&mut seen.color);
        let depth_mm = noise.depth_mm(&seen.depth_m, renderer.camera());
        bytes.extend(Record::new(seen, depth_mm, &sight, &world, names).to_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::vision::fixtures::HOMES;

    const CONFIG: HomesConfig = HomesConfig { procedural: 4, ..HOMES };

    #[test]
    fn trainings_that_render_at_a_time_share_the_views_of_one() {
        let (shared, alone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let render = |folder: &Path| {
            let frames = Frames::render(folder, &CONFIG, &[], &mut |_, _| true);
            frames.unwrap().unwrap().indices(false).len()
        };
        std::thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(|| render(shared.path())));
            for learnt in both.map(|one| one.join().unwrap()) {
                assert_eq!(learnt, 4);
            }
        });
        render(alone.path());
        let read = |folder: &Path| std::fs::read(folder.join("frames.bin")).unwrap();
        assert!(read(shared.path()) == read(alone.path()));
    }

    #[test]
    fn views_are_rendered_once_and_show_named_cells() {
        let folder = tempfile::tempdir().unwrap();
        let render = |report: &mut dyn FnMut(usize, usize) -> bool| {
            Frames::render(folder.path(), &CONFIG, &[], report).unwrap()
        };
        assert!(render(&mut |_, _| false).is_none());
        let frames = render(&mut |_, _| true).unwrap();
        let first = frames.read(0).unwrap();
        assert_eq!(frames.labels(0).unwrap(), first.labels);
        assert_eq!((frames.indices(false).len(), frames.indices(true).len()), (4, 4));
        // Cut off within the last home: that one is rendered again, to the same views.
        let path = folder.path().join("frames.bin");
        let whole = std::fs::read(&path).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(whole.len() as u64 - 5).unwrap();
        assert!(frames.read(7).is_err());
        render(&mut |_, _| true).unwrap();
        assert!(std::fs::read(&path).unwrap() == whole);
        let mut shown = BTreeSet::new();
        for index in 0..8 {
            for (name, count) in frames.labels(index).unwrap().into_iter().flatten() {
                if count > 0 {
                    shown.insert(frames.names()[usize::from(name)].clone());
                }
            }
        }
        assert!(shown.contains("wall") && shown.len() > 15, "{shown:?}");
        let other = HomesConfig { seed: 2, ..CONFIG };
        let error = Frames::render(folder.path(), &other, &[], &mut |_, _| true).unwrap_err();
        assert!(error.to_string().contains("another configuration"), "{error}");
    }
}
