//! Real eyes: a robot tours a home, and its map tells what there is.

use super::home::Seen;
use crate::learn::LearnError;
use crate::model::TokenKind;
use crate::planner::{PlannerConfig, Session};
use crate::scene::{SceneError, TokenFrame, VisualTokens};
use crate::sim::episode::{Episode, EpisodeError, Moment};
use crate::sim::household::Stance;
use crate::tasks::{SceneView, ViewSpec};

/// What a robot saw of a home.
#[derive(Debug, Clone, PartialEq)]
pub struct Toured {
    /// What its map held in the end, world coordinates.
    pub scene: Seen,
    /// Where it stood for some of the images, and what it saw in each, camera coordinates.
    pub views: Vec<(Stance, Seen)>,
}

/// What is kept of a tour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Regions, which only eyes that know names find.
    Regions,
    /// Voxels, the same that a planner would give a model with room for so many.
    Voxels {
        /// Most of the scene.
        scene: usize,
        /// Most of a view.
        view: usize,
    },
}

impl Keep {
    fn of_view(self, session: &Session) -> Result<Seen, SceneError> {
        let Self::Voxels { view, .. } = self else {
            return session.frame_regions().map(Seen::Regions);
        };
        let frame = shown(session, 0, view)?.frame;
        Ok(Seen::Voxels(frame.unwrap_or_else(|| none(session, TokenFrame::Camera))))
    }

    fn of_scene(self, session: &Session, config: &PlannerConfig) -> Result<Seen, SceneError> {
        if let Self::Voxels { scene, .. } = self {
            let tokens = shown(session, scene, 0)?.scene;
            return Ok(Seen::Voxels(tokens.unwrap_or_else(|| none(session, TokenFrame::World))));
        }
        let regions = match session.names() {
            Some(names) => session.map().regions(names, &config.regions)?,
            None => Vec::new(),
        };
        Ok(Seen::Regions(regions))
    }
}

/// What a model that reads voxels with these features would be shown.
fn shown(session: &Session, scene: usize, frame: usize) -> Result<SceneView, SceneError> {
    let extractor = session.extractor_name().unwrap_or_default().to_owned();
    let width = session.map().config().feature_width;
    let spec = ViewSpec { extractor, tokens: TokenKind::Voxels, width, frame, scene };
    Ok(session.view(&spec)?.unwrap_or_default())
}

fn none(session: &Session, frame: TokenFrame) -> VisualTokens {
    VisualTokens::none(frame, session.map().config().feature_width)
}

/// Tours the home of `episode`, whose options say how long, and keeps every `every`-th image as a
/// view.
///
/// # Errors
///
/// When the home cannot be shown, or regions are to be kept and its features cannot be compared
/// with names.
pub fn tour(
    mut episode: Episode<'_>,
    config: &PlannerConfig,
    every: usize,
    keep: Keep,
) -> Result<Toured, LearnError> {
    let (mut views, mut images, mut fault) = (Vec::new(), 0, None);
    episode.tour(&mut |moment| {
        let Moment::Saw { world, session, .. } = moment else { return };
        if images % every.max(1) == 0 {
            match keep.of_view(session) {
                Ok(seen) => views.push((*world.robot(), seen)),
                Err(error) => fault = Some(error),
            }
        }
        images += 1;
    })?;
    if let Some(error) = fault {
        return Err(EpisodeError::from(error).into());
    }
    let scene = keep.of_scene(episode.session(), config).map_err(EpisodeError::from)?;
    Ok(Toured { scene, views })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::select_scene_tokens;
    use crate::sim::episode::EpisodeOptions;
    use crate::sim::household::household;
    use crate::vision::ColorGeometry;

    #[test]
    fn a_tour_gives_a_scene_and_views_with_their_stands() {
        let world = household(3).unwrap();
        let config = PlannerConfig::default();
        let options = EpisodeOptions { tour_frames: 8, ..EpisodeOptions::default() };
        let episode = Episode::with_true_eyes(world.clone(), &config, &options, 0.1).unwrap();
        let toured = tour(episode, &config, 4, Keep::Regions).unwrap();
        assert!(toured.scene.len() > 5, "{}", toured.scene.len());
        assert_eq!(toured.views.len(), 2);
        assert_eq!(toured.views[0].0.xy_m, world.robot().xy_m);
        assert_ne!(toured.views[0].0.heading, toured.views[1].0.heading);
        let ahead = toured.views.iter().flat_map(|(_, seen)| seen.regions());
        assert!(ahead.clone().count() > 0 && ahead.clone().all(|region| region.centre_m[2] > 0.0));
    }

    #[test]
    fn eyes_that_know_no_names_keep_voxels_as_a_planner_shows_them() {
        let world = household(3).unwrap();
        let config = PlannerConfig::default();
        let options = EpisodeOptions { tour_frames: 4, ..EpisodeOptions::default() };
        let colours = || Box::new(ColorGeometry::default());
        let episode = || Episode::of_looks(world.clone(), &config, &options, colours()).unwrap();
        let toured = tour(episode(), &config, 2, Keep::Voxels { scene: 40, view: 16 }).unwrap();
        let mut same = episode();
        same.tour(&mut |_| {}).unwrap();
        let right = select_scene_tokens(same.session().map(), 40);
        assert_eq!((right.len(), right.width), (40, 16));
        assert_eq!(toured.scene, Seen::Voxels(right));
        assert_eq!(toured.views.len(), 2);
        for (_, seen) in &toured.views {
            let tokens = seen.voxels().unwrap();
            assert_eq!((tokens.len(), tokens.frame), (16, TokenFrame::Camera));
            assert!(tokens.xyz_m.iter().all(|xyz_m| xyz_m[2] > 0.0));
        }
    }
}
