//! The second pass of the renderer: the colour of each pixel that was hit.

use super::fill::Rays;
use super::home::Entity;
use super::light::Lights;
use super::render::Renderer;
use super::shape::Primitive;
use crate::geometry::Pose;
use nalgebra::{Matrix3, Vector3};

/// What the second pass keeps of the part it is colouring.
pub(super) struct Surface<'a> {
    pub id: u32,
    part: &'a Primitive,
    rays: Rays,
    world_R_part: Matrix3<f32>,
    world_t_part: Vector3<f32>,
}

impl<'a> Surface<'a> {
    /// `part` of `entity`, as the camera of `r` at `world_T_camera` sees it.
    pub fn new(r: &Renderer, entity: &Entity, part: &'a Primitive, world_T_camera: &Pose) -> Self {
        let world_T_part = entity.world_T_entity * part.entity_T_part;
        Self {
            id: entity.id,
            part,
            rays: r.rays(&(world_T_camera.inverse() * world_T_part)),
            world_R_part: world_T_part.rotation.to_rotation_matrix().matrix().cast(),
            world_t_part: world_T_part.translation.vector.cast(),
        }
    }

    /// Colour of pixel (u, v), at which the part was hit `depth_m` before the camera.
    pub fn rgb(
        &self,
        u: f32,
        v: f32,
        depth_m: f32,
        pixel_rad: f32,
        lights: &Lights<'_>,
    ) -> [u8; 3] {
        let ray = self.rays.corner + self.rays.right * u + self.rays.down * v;
        let p = self.rays.origin + ray * depth_m;
        let n = self.part.shape.normal(&p, &ray);
        let toward = -ray.normalize();
        // A pixel covers more of a surface seen at an angle.
        let footprint_m = depth_m * pixel_rad / toward.dot(&n).max(0.2);
        let material = &self.part.material;
        let base = material.rgb_at(&p, &n, footprint_m);
        let lit = lights.lit(
            &base,
            material,
            &(self.world_R_part * p + self.world_t_part),
            &(self.world_R_part * n),
            &(self.world_R_part * toward),
        );
        lit.map(|c| (c * 255.0 + 0.5).clamp(0.0, 255.0) as u8).into()
    }
}
