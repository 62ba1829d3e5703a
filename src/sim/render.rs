//! A software depth camera: one ray per pixel against the solids whose screen rectangle holds it.
//!
//! Two passes. The first finds, solid by solid, the nearest hit of every pixel; the second colours
//! each pixel once. Depth is exact, since rays meet the solids themselves, not triangles.

use super::error::SimError;
use super::fill::{NEAR_M, Rays, ScreenRect, draw};
use super::home::Home;
use super::light::{Lights, ShadowMap};
use super::surface::Surface;
use crate::geometry::{CameraModel, Distortion, Pose};
use crate::sensing::DepthImage;
use image::RgbImage;
use nalgebra::Vector3;

/// Largest image edge in pixels.
const MAX_EDGE: u32 = 8192;
/// No hit.
const NOTHING: u32 = u32::MAX;
/// Colour where no ray hits: the light of the next room through the door.
const BEYOND: [u8; 3] = [150, 144, 134];

/// What the camera sees of a home from one pose.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// Colour.
    pub color: RgbImage,
    /// Exact depth along the optical axis; 0 where there is nothing.
    pub depth_m: DepthImage,
    /// Id of the entity at each pixel, row-major; 0 where there is nothing.
    pub instance: Vec<u32>,
}

/// Renders homes for one rectified camera.
#[derive(Debug, Clone)]
pub struct Renderer {
    camera: CameraModel,
    shadow: Option<ShadowMap>,
}

impl Renderer {
    /// A renderer for a pinhole camera without distortion, at most 8192 pixels wide and high.
    pub fn new(camera: CameraModel) -> Result<Self, SimError> {
        let edges = 1..=MAX_EDGE;
        if camera.distortion != Distortion::None {
            return Err(SimError::Camera(
                "only rectified images are rendered; set its distortion to none".into(),
            ));
        }
        if !edges.contains(&camera.width) || !edges.contains(&camera.height) {
            return Err(SimError::Camera(format!(
                "image of {}×{} pixels; each edge must be 1 to {MAX_EDGE}",
                camera.width, camera.height
            )));
        }
        let focal = [camera.fx, camera.fy];
        if focal.iter().any(|f| !f.is_finite() || *f <= 0.0)
            || !(camera.cx.is_finite() && camera.cy.is_finite())
        {
            return Err(SimError::Camera(
                "focal lengths must be positive and the principal point finite".into(),
            ));
        }
        Ok(Self { camera, shadow: None })
    }

    /// The same renderer with the shadows that the things of `home` cast where they stand now.
    pub fn with_shadows_of(self, home: &Home) -> Self {
        let lamp = Self { camera: ShadowMap::camera(), shadow: None };
        let (depth_m, _) = lamp.nearest_hits(home, &ShadowMap::world_T_camera(home));
        Self { shadow: Some(ShadowMap::new(depth_m)), ..self }
    }

    /// The same renderer, with the same shadows, through another camera.
    ///
    /// # Errors
    ///
    /// Those of [`Self::new`].
    pub fn with_camera(self, camera: CameraModel) -> Result<Self, SimError> {
        Ok(Self { shadow: self.shadow, ..Self::new(camera)? })
    }

    /// The camera.
    pub fn camera(&self) -> &CameraModel {
        &self.camera
    }

    /// What the camera sees from `world_T_camera` (optical axes: x right, y down, z forward).
    pub fn render(&self, home: &Home, world_T_camera: &Pose) -> Rendered {
        let (mut depth_m, mut owner) = self.nearest_hits(home, world_T_camera);
        let color = self.shade(home, world_T_camera, &mut depth_m, &mut owner);
        let depth_m =
            DepthImage { width: self.camera.width, height: self.camera.height, data_m: depth_m };
        Rendered { color, depth_m, instance: owner }
    }

    /// Id of the entity at each pixel, row-major; 0 where there is nothing. Quicker than
    /// [`Self::render`].
    pub fn instances(&self, home: &Home, world_T_camera: &Pose) -> Vec<u32> {
        let (_, owner) = self.nearest_hits(home, world_T_camera);
        let id = |code: u32| home.entities.get((code >> 8) as usize).map_or(0, |entity| entity.id);
        owner.into_iter().map(id).collect()
    }

    /// Depth of the nearest hit of each pixel, or infinity, and the part that was hit.
    fn nearest_hits(&self, home: &Home, world_T_camera: &Pose) -> (Vec<f32>, Vec<u32>) {
        let (width, height) = (self.camera.width as usize, self.camera.height as usize);
        let mut depth_m = vec![f32::INFINITY; width * height];
        let mut owner = vec![NOTHING; width * height];
        let camera_T_world = world_T_camera.inverse();
        // The room itself is stored first and lies behind everything: draw it last.
        for (e, entity) in home.entities.iter().enumerate().rev() {
            let camera_T_entity = camera_T_world * entity.world_T_entity;
            let half = Vector3::from(entity.size_m) * 0.5;
            if self.screen_rect(&camera_T_entity, &half).is_none() {
                continue;
            }
            for (p, part) in entity.parts.iter().enumerate() {
                let camera_T_part = camera_T_entity * part.entity_T_part;
                let half = part.shape.half_m();
                if let Some(rect) = self.screen_rect(&camera_T_part, &half.cast()) {
                    let rays = self.rays(&camera_T_part);
                    let code = (e as u32) << 8 | p as u32;
                    draw(part, &half, &rays, &rect, width, code, &mut depth_m, &mut owner);
                }
            }
        }
        (depth_m, owner)
    }

    /// The smallest rectangle of pixels that holds a box with half edges `half_m` about the origin
    /// of `camera_T_box`; `None` if it is out of sight.
    fn screen_rect(&self, camera_T_box: &Pose, half_m: &Vector3<f64>) -> Option<ScreenRect> {
        let corners: [Vector3<f64>; 8] = std::array::from_fn(|i| {
            let sign = |bit: usize| if i >> bit & 1 == 0 { -1.0 } else { 1.0 };
            let corner = half_m.component_mul(&Vector3::new(sign(0), sign(1), sign(2)));
            (camera_T_box * nalgebra::Point3::from(corner)).coords
        });
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        let mut nearest = f64::INFINITY;
        let mut include = |p: Vector3<f64>| {
            let c = &self.camera;
            for (i, at) in
                [c.fx * p.x / p.z + c.cx, c.fy * p.y / p.z + c.cy].into_iter().enumerate()
            {
                low[i] = low[i].min(at);
                high[i] = high[i].max(at);
            }
            nearest = nearest.min(p.z);
        };
        for (i, &a) in corners.iter().enumerate() {
            if a.z >= NEAR_M {
                include(a);
            }
            // Where an edge of the box goes through the near plane.
            for b in [1, 2, 4].map(|bit| corners[i ^ bit]) {
                if (a.z < NEAR_M) && (b.z > NEAR_M) {
                    include(a + (b - a) * ((NEAR_M - a.z) / (b.z - a.z)));
                }
            }
        }
        let limit = [f64::from(self.camera.width), f64::from(self.camera.height)];
        let span = |i: usize| {
            let from = low[i].ceil().max(0.0);
            let to = (high[i].floor() + 1.0).min(limit[i]);
            (from < to).then_some([from as usize, to as usize])
        };
        Some(ScreenRect { x: span(0)?, y: span(1)?, nearest_m: nearest as f32 })
    }

    pub(super) fn rays(&self, camera_T_part: &Pose) -> Rays {
        let c = &self.camera;
        let part_T_camera = camera_T_part.inverse();
        let turn = part_T_camera.rotation;
        let axis = |v: Vector3<f64>| (turn * v).cast::<f32>();
        Rays {
            origin: part_T_camera.translation.vector.cast(),
            corner: axis(Vector3::new(-c.cx / c.fx, -c.cy / c.fy, 1.0)),
            right: axis(Vector3::x() / c.fx),
            down: axis(Vector3::y() / c.fy),
        }
    }

    /// Colours every pixel; turns owners into entity ids and infinite depth into 0.
    fn shade(
        &self,
        home: &Home,
        world_T_camera: &Pose,
        depth_m: &mut [f32],
        owner: &mut [u32],
    ) -> RgbImage {
        let mut color = RgbImage::new(self.camera.width, self.camera.height);
        let lights = Lights::new(home, self.shadow.as_ref());
        let pixel_rad = (1.0 / self.camera.fx) as f32;
        let mut current: Option<(u32, Surface<'_>)> = None;
        let width = self.camera.width as usize;
        let pixels = color.as_mut().chunks_exact_mut(3);
        for (i, ((pixel, depth), owner)) in
            pixels.zip(depth_m.iter_mut()).zip(owner.iter_mut()).enumerate()
        {
            let code = *owner;
            if code == NOTHING {
                (*depth, *owner) = (0.0, 0);
                pixel.copy_from_slice(&BEYOND);
                continue;
            }
            // Neighbouring pixels mostly show the same part: keep what is known of it.
            if current.as_ref().is_none_or(|(known, _)| *known != code) {
                let entity = &home.entities[(code >> 8) as usize];
                let part = &entity.parts[(code & 0xff) as usize];
                current = Some((code, Surface::new(self, entity, part, world_T_camera)));
            }
            if let Some((_, surface)) = &current {
                let (u, v) = ((i % width) as f32, (i / width) as f32);
                let rgb = surface.rgb(u, v, *depth, pixel_rad, &lights);
                pixel.copy_from_slice(&rgb);
                *owner = surface.id;
            }
        }
        color
    }
}

#[cfg(test)]
mod tests {
    use super::super::agent::{Agent, base_T_camera_link, camera_link_T_optical};
    use super::super::home::HomeKind;
    use super::super::shape::{Round, Shape, meet_cuboid, meet_ellipsoid};
    use super::*;
    use nalgebra::Point3;

    fn views(home: &Home) -> Vec<Pose> {
        let agent = Agent::new(home).unwrap();
        let base_T_optical = base_T_camera_link() * camera_link_T_optical();
        (0..8).map(|i| agent.pose(agent.lap_s() * f64::from(i) / 8.0) * base_T_optical).collect()
    }

    /// Distance of a point to the surface of a solid, metres, found without any ray; for ellipsoids
    /// an upper bound.
    fn surface_distance(shape: &Shape, p: &Vector3<f64>) -> f64 {
        match *shape {
            Shape::Cuboid { .. } => {
                let q = p.abs() - shape.half_m().cast::<f64>();
                (q.map(|x| x.max(0.0)).norm() + q.max().min(0.0)).abs()
            }
            Shape::Ellipsoid { .. } => {
                let half = shape.half_m().cast::<f64>();
                let scale = p.component_div(&half).norm();
                (p - p / scale).norm()
            }
            Shape::Frustum { bottom_radius_m, top_radius_m, height_m, open } => {
                let (r0, r1) = (f64::from(bottom_radius_m), f64::from(top_radius_m));
                let h = f64::from(height_m);
                let q = nalgebra::Vector2::new(p.x.hypot(p.y), p.z);
                let segment = |a: [f64; 2], b: [f64; 2]| {
                    let (a, b) = (nalgebra::Vector2::from(a), nalgebra::Vector2::from(b));
                    let t = ((q - a).dot(&(b - a)) / (b - a).norm_squared()).clamp(0.0, 1.0);
                    (q - a - (b - a) * t).norm()
                };
                let wall = segment([r0, -0.5 * h], [r1, 0.5 * h]);
                let floor = segment([0.0, -0.5 * h], [r0, -0.5 * h]);
                let lid = segment([0.0, 0.5 * h], [r1, 0.5 * h]);
                wall.min(floor).min(if open { f64::INFINITY } else { lid })
            }
        }
    }

    #[test]
    fn exact_depth_lies_on_the_surfaces_and_inside_the_boxes() {
        let camera = CameraModel::pinhole(320, 240, 277.0, 277.0, 159.5, 119.5);
        let renderer = Renderer::new(camera).unwrap();
        for seed in 0..3 {
            let home = Home::generate(HomeKind::Kitchen, seed);
            for view in views(&home) {
                let seen = renderer.render(&home, &view);
                for (i, (&z, &id)) in seen.depth_m.data_m.iter().zip(&seen.instance).enumerate() {
                    assert_eq!(z == 0.0, id == 0);
                    let Some(entity) = home.entity(id) else { continue };
                    let (u, v) = ((i % 320) as f64, (i / 320) as f64);
                    let ray =
                        Vector3::new((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, 1.0);
                    let world = view * Point3::from(ray * f64::from(z));
                    let local = entity.world_T_entity.inverse_transform_point(&world);
                    for axis in 0..3 {
                        assert!(local[axis].abs() <= 0.5 * entity.size_m[axis] + 0.001);
                    }
                    let nearest = entity
                        .parts
                        .iter()
                        .map(|part| {
                            let p = part.entity_T_part.inverse_transform_point(&local);
                            surface_distance(&part.shape, &p.coords)
                        })
                        .fold(f64::INFINITY, f64::min);
                    assert!(nearest < 0.005, "{}: {nearest} m off", entity.category);
                }
            }
        }
    }

    #[test]
    fn nothing_hides_what_is_nearer() {
        // Pixel by pixel, every part of every entity: slower, and with no rectangle to go wrong.
        let camera = CameraModel::pinhole(32, 24, 27.7, 27.7, 15.5, 11.5);
        let renderer = Renderer::new(camera).unwrap();
        let home = Home::generate(HomeKind::Kitchen, 4);
        for view in views(&home) {
            let seen = renderer.render(&home, &view);
            for (i, &z) in seen.depth_m.data_m.iter().enumerate() {
                let (u, v) = ((i % 32) as f32, (i / 32) as f32);
                let mut nearest = f32::INFINITY;
                for entity in &home.entities {
                    for part in &entity.parts {
                        let camera_T_part =
                            view.inverse() * entity.world_T_entity * part.entity_T_part;
                        let rays = renderer.rays(&camera_T_part);
                        let d = rays.corner + rays.right * u + rays.down * v;
                        let (o, half) = (&rays.origin, part.shape.half_m());
                        nearest = nearest.min(match part.shape {
                            Shape::Cuboid { .. } => meet_cuboid(&half, o, &d),
                            Shape::Ellipsoid { .. } => meet_ellipsoid(&half, o, &d),
                            Shape::Frustum { bottom_radius_m, top_radius_m, height_m, open } => {
                                Round::new(bottom_radius_m, top_radius_m, height_m, open)
                                    .meet(o, &d)
                            }
                        });
                    }
                }
                let wanted = if nearest.is_finite() { nearest } else { 0.0 };
                assert!((wanted - z).abs() < 1e-4, "pixel {i}: {z} for {wanted}");
            }
        }
    }

    #[test]
    fn shadows_darken_the_floor_under_the_table() {
        let camera = CameraModel::pinhole(64, 48, 30.0, 30.0, 31.5, 23.5);
        let home = Home::generate(HomeKind::Kitchen, 0);
        let table = home.entities.iter().find(|e| e.category == "diningtable").unwrap();
        let mut at = table.world_T_entity.translation.vector;
        at.z = 0.3;
        let down = nalgebra::UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        let view = Pose::from_parts(at.into(), down);
        let renderer = Renderer::new(camera).unwrap();
        let light = |r: &Renderer| {
            let color = r.render(&home, &view).color;
            color.as_raw().iter().map(|&c| f64::from(c)).sum::<f64>()
        };
        assert!(light(&renderer.clone().with_shadows_of(&home)) < 0.7 * light(&renderer));
    }

    #[test]
    fn cameras_that_cannot_be_rendered_are_refused() {
        let good = CameraModel::pinhole(32, 24, 27.7, 27.7, 15.5, 11.5);
        for bad in [
            CameraModel { width: 0, ..good },
            CameraModel { height: MAX_EDGE + 1, ..good },
            CameraModel { fx: f64::NAN, ..good },
            CameraModel { distortion: Distortion::Equidistant([0.1; 4]), ..good },
        ] {
            assert!(matches!(Renderer::new(bad), Err(SimError::Camera(_))));
        }
    }
}
