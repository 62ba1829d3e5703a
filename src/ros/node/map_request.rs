//! What other threads want of the map, and how the thread that owns it answers.

use crate::planner::follow::{BasePose, Floor, FollowConfig, Surroundings};
use crate::planner::{Found, Session};
use crate::ros::srv::{ERROR_NONE, MapFileResponse, ResetMapResponse};
use crate::scene::{Likeness, MapCounts, Place, SceneError, SceneMap, TextQuery};
use crate::tasks::{SceneView, ViewSpec};
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

/// A wish, and where the answer goes. Whoever asked may have gone: answers are sent and not waited
/// for.
pub enum MapRequest {
    /// Forget everything.
    Reset(SyncSender<ResetMapResponse>),
    /// Where a robot that stands there can go, and to what.
    Surroundings(BasePose, FollowConfig, SyncSender<Surroundings>),
    /// What a model that takes this in is shown; `None` where the map has nothing of the kind.
    View(ViewSpec, SyncSender<Option<SceneView>>),
    /// Where the map looks most like this; `None` where it looks like it nowhere.
    Likeness(TextQuery, SyncSender<Option<Place>>),
    /// Put in what a detector found, as far as it is still there.
    Place(Found),
    /// Something between the map and a file.
    File(FileTask, PathBuf, SyncSender<MapFileResponse>),
}

/// What to do with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTask {
    /// Write the map.
    Save,
    /// Read a map in place of the present one.
    Load,
    /// Write it for other programs.
    Export,
}

/// What a request came to, for the thread that owns the map.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// The map is as it was.
    Unchanged,
    /// The map has changed.
    Changed,
    /// The map is another one: forgotten, or loaded. What was published of the old one holds no more.
    Replaced {
        /// Whether ids of the old one may be those of other objects now. Of a forgotten one they are not
        /// used again.
        has_other_ids: bool,
    },
    /// The map is as it was, and was held against a text; what came of it can be shown.
    Compared(Likeness),
}

impl MapRequest {
    /// Does what is asked for.
    pub fn answer(self, session: &mut Session) -> Effect {
        let map = session.map_mut();
        match self {
            Self::Place(found) => {
                session.place(&found);
                Effect::Changed
            }
            Self::Reset(reply) => {
                let counts = map.counts();
                map.clear();
                tracing::info!("map forgotten: {} voxels", counts.voxels);
                let response = ResetMapResponse { voxels: counts.voxels, objects: counts.objects };
                // See above: the answer may be of no use any more.
                let _ = reply.try_send(response);
                Effect::Replaced { has_other_ids: false }
            }
            Self::Surroundings(robot, config, reply) => {
                let points_m = map.voxels().map(|voxel| voxel.xyz_m);
                let objects = map.objects().as_slice().to_vec();
                let places_m =
                    objects.iter().map(|object| [object.position_m[0], object.position_m[1]]);
                let floor = Floor::new(points_m, map.config().voxel_size_m, &robot, &config)
                    .reaching(places_m);
                let _ = reply.try_send(Surroundings { floor, objects });
                Effect::Unchanged
            }
            Self::View(spec, reply) => {
                let view = session.refresh_objects().map(|_| ());
                let view = view.and_then(|()| session.view(&spec)).unwrap_or_else(|error| {
                    tracing::warn!("the model is shown nothing: {error}");
                    None
                });
                let _ = reply.try_send(view);
                Effect::Changed
            }
            Self::Likeness(query, reply) => {
                let likeness = map.likeness(&query, 1).inspect_err(|error| {
                    tracing::warn!("nothing is looked for in the map: {error}");
                });
                let place = likeness.as_ref().ok().and_then(Likeness::found);
                let _ = reply.try_send(place.cloned());
                likeness.map_or(Effect::Unchanged, Effect::Compared)
            }
            Self::File(task, path, reply) => {
                let done = match task {
                    FileTask::Save => map.save(&path).map_err(file_fault),
                    FileTask::Export => export(session, &path),
                    FileTask::Load => load(map, &path),
                };
                let is_new = task == FileTask::Load && done.is_ok();
                let response = match done {
                    Ok(counts) => {
                        tracing::info!("{task:?} {}: {} voxels", path.display(), counts.voxels);
                        MapFileResponse {
                            voxels: counts.voxels,
                            objects: counts.objects,
                            error_code: ERROR_NONE,
                            error_msg: String::new(),
                        }
                    }
                    Err((error_code, error_msg)) => {
                        tracing::warn!("{error_msg}");
                        MapFileResponse { error_code, error_msg, ..MapFileResponse::default() }
                    }
                };
                let _ = reply.try_send(response);
                if is_new { Effect::Replaced { has_other_ids: true } } else { Effect::Unchanged }
            }
        }
    }
}

fn file_fault(error: SceneError) -> (u16, String) {
    (MapFileResponse::ERROR_FILE, error.to_string())
}

fn export(session: &Session, path: &Path) -> Result<MapCounts, (u16, String)> {
    let map = session.map();
    match path.extension().and_then(|end| end.to_str()) {
        Some("ply") => map.write_ply(path).map_err(file_fault),
        Some("json") => map.write_json(path, &session.relations()).map_err(file_fault),
        _ => Err((
            MapFileResponse::ERROR_UNKNOWN_FORMAT,
            format!("{}: give a name that ends in .ply or .json", path.display()),
        )),
    }
}

/// Reads a map, which goes on with the settings of this node but keeps its voxels as they are.
fn load(map: &mut SceneMap, path: &Path) -> Result<MapCounts, (u16, String)> {
    let (mut loaded, _) = SceneMap::load(path).map_err(file_fault)?;
    let (theirs, ours) = (loaded.config(), map.config());
    let differs = |what: &str, theirs: &str, ours: &str| {
        Err((
            MapFileResponse::ERROR_OTHER_SETTINGS,
            format!("{}: its {what} is {theirs}, that of this node {ours}", path.display()),
        ))
    };
    if theirs.frame_id != ours.frame_id {
        return differs("frame", &theirs.frame_id, &ours.frame_id);
    }
    if theirs.feature_width != ours.feature_width {
        let widths = [theirs.feature_width, ours.feature_width].map(|width| width.to_string());
        return differs("feature width", &widths[0], &widths[1]);
    }
    if theirs.feature_space != ours.feature_space {
        let spaces = [theirs, ours].map(|config| format!("'{}'", config.feature_space));
        return differs("feature space", &spaces[0], &spaces[1]);
    }
    let [its_m, own_m] = [theirs, ours].map(|config| config.voxel_size_m);
    if its_m != own_m {
        tracing::warn!("{}: its voxels stay {its_m} m wide, not {own_m}", path.display());
    }
    loaded.adopt(ours).map_err(|error| {
        let reason = format!("{} with the settings of this node: {error}", path.display());
        (MapFileResponse::ERROR_OTHER_SETTINGS, reason)
    })?;
    let counts = loaded.counts();
    *map = loaded;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::PlannerConfig;
    use std::sync::mpsc::sync_channel;

    fn map(frame_id: &str) -> Session {
        let mut config = PlannerConfig::default();
        config.map.frame_id = frame_id.into();
        Session::new(&config, None).unwrap()
    }

    #[test]
    fn a_map_without_names_shows_a_model_nothing() {
        let (reply, answer) = sync_channel(1);
        let spec = ViewSpec {
            extractor: "scene_vit".into(),
            tokens: crate::model::TokenKind::Regions,
            width: 64,
            frame: 8,
            scene: 8,
        };
        MapRequest::View(spec, reply).answer(&mut map("map"));
        assert_eq!(answer.recv().unwrap(), None);
    }

    fn ask(map: &mut Session, task: FileTask, path: &Path) -> (bool, MapFileResponse) {
        let (reply, answer) = sync_channel(1);
        let effect = MapRequest::File(task, path.into(), reply).answer(map);
        (effect == Effect::Replaced { has_other_ids: true }, answer.recv().unwrap())
    }

    #[test]
    fn a_saved_map_loads_only_where_it_fits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.scenemap");
        let (changed, saved) = ask(&mut map("map"), FileTask::Save, &path);
        assert_eq!((changed, saved.error_code), (false, ERROR_NONE));
        let (changed, loaded) = ask(&mut map("map"), FileTask::Load, &path);
        assert_eq!((changed, loaded.error_code), (true, ERROR_NONE));
        let (changed, refused) = ask(&mut map("odom"), FileTask::Load, &path);
        assert_eq!((changed, refused.error_code), (false, MapFileResponse::ERROR_OTHER_SETTINGS));
        assert!(refused.error_msg.contains("its frame is map, that of this node odom"));
        let (_, missing) = ask(&mut map("map"), FileTask::Load, &folder.path().join("no"));
        assert_eq!(missing.error_code, MapFileResponse::ERROR_FILE);
    }

    #[test]
    fn a_loaded_map_keeps_its_voxels_and_the_settings_of_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.scenemap");
        let mut coarse = PlannerConfig::default();
        coarse.map.voxel_size_m = 0.08;
        ask(&mut Session::new(&coarse, None).unwrap(), FileTask::Save, &path);
        let mut config = PlannerConfig::default();
        config.map.max_bytes = 64 << 20;
        config.map.max_depth_m = 4.0;
        let mut session = Session::new(&config, None).unwrap();
        assert_eq!(ask(&mut session, FileTask::Load, &path).1.error_code, ERROR_NONE);
        let now = session.map().config();
        assert_eq!((now.voxel_size_m, now.max_bytes, now.max_depth_m), (0.08, 64 << 20, 4.0));
        // Voxels of a centimetre do not reach so far.
        coarse.map.voxel_size_m = 0.01;
        ask(&mut Session::new(&coarse, None).unwrap(), FileTask::Save, &path);
        config.map.max_depth_m = 500.0;
        let mut far = Session::new(&config, None).unwrap();
        let (changed, refused) = ask(&mut far, FileTask::Load, &path);
        assert_eq!((changed, refused.error_code), (false, MapFileResponse::ERROR_OTHER_SETTINGS));
        assert!(refused.error_msg.contains("max_depth_m / 16384"), "{refused:?}");
    }

    #[test]
    fn a_forgotten_map_is_another_one() {
        let (reply, answer) = sync_channel(1);
        let effect = MapRequest::Reset(reply).answer(&mut map("map"));
        assert_eq!(effect, Effect::Replaced { has_other_ids: false });
        assert_eq!(answer.recv().unwrap().voxels, 0);
    }

    #[test]
    fn exports_go_by_the_name_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.ply", "a.json"] {
            let path = folder.path().join(name);
            let (_, done) = ask(&mut map("map"), FileTask::Export, &path);
            assert!(done.error_code == ERROR_NONE && path.exists(), "{done:?}");
        }
        let (_, refused) = ask(&mut map("map"), FileTask::Export, &folder.path().join("a.obj"));
        assert_eq!(refused.error_code, MapFileResponse::ERROR_UNKNOWN_FORMAT);
    }
}
