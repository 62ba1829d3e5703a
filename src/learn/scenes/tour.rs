//! Real eyes: a robot tours a home, and its map tells what there is.

use crate::learn::LearnError;
use crate::planner::PlannerConfig;
use crate::scene::Region;
use crate::sim::episode::{Episode, EpisodeError, Moment};
use crate::sim::household::Stance;

/// What a robot saw of a home.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Toured {
    /// The regions of its map in the end, world coordinates.
    pub scene: Vec<Region>,
    /// Where it stood for some of the images, and the regions of each, camera coordinates.
    pub views: Vec<(Stance, Vec<Region>)>,
}

/// Tours the home of `episode`, whose options say how long, and keeps every `every`-th image as a
/// view.
///
/// # Errors
///
/// When the home cannot be shown, or its features cannot be compared with names.
pub fn tour(
    mut episode: Episode<'_>,
    config: &PlannerConfig,
    every: usize,
) -> Result<Toured, LearnError> {
    let (mut views, mut images, mut fault) = (Vec::new(), 0, None);
    episode.tour(&mut |moment| {
        let Moment::Saw { world, session, .. } = moment else { return };
        if images % every.max(1) == 0 {
            match session.frame_regions() {
                Ok(regions) => views.push((*world.robot(), regions)),
                Err(error) => fault = Some(error),
            }
        }
        images += 1;
    })?;
    if let Some(error) = fault {
        return Err(EpisodeError::from(error).into());
    }
    let session = episode.session();
    let scene = match session.names() {
        Some(names) => session.map().regions(names, &config.regions),
        None => Ok(Vec::new()),
    };
    Ok(Toured { scene: scene.map_err(EpisodeError::from)?, views })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::episode::EpisodeOptions;
    use crate::sim::household::household;

    #[test]
    fn a_tour_gives_a_scene_and_views_with_their_stands() {
        let world = household(3).unwrap();
        let config = PlannerConfig::default();
        let options = EpisodeOptions { tour_frames: 8, ..EpisodeOptions::default() };
        let episode = Episode::with_true_eyes(world.clone(), &config, &options, 0.1).unwrap();
        let toured = tour(episode, &config, 4).unwrap();
        assert!(toured.scene.len() > 5, "{}", toured.scene.len());
        assert_eq!(toured.views.len(), 2);
        assert_eq!(toured.views[0].0.xy_m, world.robot().xy_m);
        assert_ne!(toured.views[0].0.heading, toured.views[1].0.heading);
        let ahead = toured.views.iter().flat_map(|(_, regions)| regions);
        assert!(ahead.clone().count() > 0 && ahead.clone().all(|region| region.centre_m[2] > 0.0));
    }
}
