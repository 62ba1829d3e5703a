//! The camera of the acting robot: the home as it is shown becomes the events of one exposure.

use crate::geometry::CameraModel;
use crate::sensing::SensorEvent;
use crate::sim::exposure::Exposure;
use crate::sim::household::World;
use crate::sim::record::transform;
use crate::sim::{OPTICAL_FRAME, Renderer, SensorNoise, SimError, camera_link_T_optical};
use image::RgbImage;

/// Time between two exposures, nanoseconds.
const PERIOD_NS: i64 = 200_000_000;

/// A camera with its noise and its clock.
#[derive(Debug, Clone)]
pub struct Eyes {
    bare: Renderer,
    /// With the shadows of the home as it was when last something in it changed.
    renderer: Option<Renderer>,
    noise: SensorNoise,
    now_ns: i64,
}

impl Eyes {
    /// A rectified camera. `seed` is that of its noise, `start_ns` the time of the first exposure.
    ///
    /// # Errors
    ///
    /// When the camera cannot be rendered.
    pub fn new(camera: CameraModel, seed: u64, start_ns: i64) -> Result<Self, SimError> {
        let (bare, noise) = (Renderer::new(camera)?, SensorNoise::new(seed));
        Ok(Self { bare, renderer: None, noise, now_ns: start_ns })
    }

    /// Time of the next exposure, nanoseconds.
    pub fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// Nothing is seen for so long.
    pub fn rest(&mut self, for_ns: i64) {
        self.now_ns += for_ns;
    }

    /// Something in the home changed, and with it the shadows.
    pub fn refresh(&mut self) {
        self.renderer = None;
    }

    /// What the camera sees now: the image, and all events of the exposure in their order. The
    /// frames are `map → base_link → camera_link → camera_color_optical_frame`, the camera tilting
    /// on the base.
    ///
    /// # Errors
    ///
    /// When an image cannot be encoded.
    pub fn look(&mut self, world: &World) -> Result<(RgbImage, Vec<SensorEvent>), SimError> {
        let stamp_ns = self.now_ns;
        self.now_ns += PERIOD_NS;
        let shown = world.shown();
        let bare = &self.bare;
        let renderer = self.renderer.get_or_insert_with(|| bare.clone().with_shadows_of(&shown));
        let robot = world.robot();
        let seen = renderer.render(&shown, &robot.world_T_camera());
        let image = seen.color.clone();
        let exposure = Exposure { camera: renderer.camera(), compressed: false, stamp_ns };
        let optical = transform(stamp_ns, "camera_link", OPTICAL_FRAME, camera_link_T_optical());
        let mut events = vec![
            SensorEvent::StaticTransforms(vec![optical]),
            SensorEvent::Transforms(vec![
                transform(stamp_ns, "map", "base_link", robot.world_T_base()),
                transform(stamp_ns, "base_link", "camera_link", robot.base_T_camera_link()),
            ]),
        ];
        // Boxes are those of the home with all doors shut: a door is no part of what a fridge is.
        events.extend(exposure.events(seen, world.home(), Some(&mut self.noise))?);
        Ok((image, events))
    }
}
