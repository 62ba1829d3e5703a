//! What a camera would see of a home.

use super::home::TrueView;
use super::truth::Thing;
use crate::geometry::Pose;
use crate::sim::language::SceneFacts;

/// Pixels of the image that [`SceneFacts::in_view`] looks at.
const PIXELS: f64 = 160.0 * 120.0;

/// What of `things` is in a view with these facts, from a camera at `world_T_camera`.
pub fn true_view(things: &[Thing], view: &SceneFacts, world_T_camera: &Pose) -> TrueView {
    let pixels = view.objects.iter().filter_map(|fact| {
        let index = things.iter().position(|thing| thing.id == fact.id())?;
        Some((index, fact.view?.share * PIXELS))
    });
    TrueView { camera_T_world: world_T_camera.inverse(), pixels: pixels.collect() }
}
