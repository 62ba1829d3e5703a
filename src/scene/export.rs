//! The map for other programs: a point cloud (PLY) and a summary (JSON).

use super::{LabelScores, MapCounts, MapObject, Relation, SceneError, SceneMap};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// What the JSON file says.
#[derive(Serialize)]
struct Summary<'a> {
    frame_id: &'a str,
    voxel_size_m: f64,
    counts: MapCounts,
    /// Least and greatest mean point, metres; `null` in an empty map.
    bounds_m: Option<([f32; 3], [f32; 3])>,
    bytes: usize,
    bytes_per_voxel: f64,
    feature_width: usize,
    objects: Vec<Told<'a>>,
    relations: &'a [Relation],
}

/// An object, what its voxels come to, and its names: see [`LabelScores`] for what their scores tell.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    object: &'a MapObject,
    /// Of its name, in label maps.
    label_number: u32,
    voxels: usize,
    /// Points merged into them.
    points: u64,
    /// Mean of those points in world coordinates, metres; `null` of an object without voxels.
    centroid_m: Option<[f64; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a LabelScores>,
}

impl SceneMap {
    /// Writes a binary little-endian PLY file with one vertex a voxel: mean point, mean colour and
    /// number of points, in the order of [`SceneMap::voxels`].
    pub fn write_ply(&self, path: &Path) -> Result<MapCounts, SceneError> {
        write_file(path, |out| {
            write!(
                out,
                "ply\nformat binary_little_endian 1.0\ncomment frame {}\nelement vertex {}\n\
                 property float x\nproperty float y\nproperty float z\nproperty uchar red\n\
                 property uchar green\nproperty uchar blue\nproperty uint count\nend_header\n",
                self.config.frame_id.replace(char::is_control, " "),
                self.len()
            )?;
            for voxel in self.voxels() {
                for value in voxel.xyz_m {
                    out.write_all(&value.to_le_bytes())?;
                }
                out.write_all(&voxel.rgb)?;
                out.write_all(&voxel.count.to_le_bytes())?;
            }
            Ok(())
        })?;
        Ok(self.counts())
    }

    /// Writes a JSON summary: frame, voxel size, counts, bounds, bytes, objects, and how they stand to
    /// each other.
    pub fn write_json(&self, path: &Path, relations: &[Relation]) -> Result<MapCounts, SceneError> {
        let counts = self.counts();
        let voxels = self.voxels_of_objects();
        let objects = self.objects.iter().map(|object| {
            let of = voxels.get(&object.id);
            Told {
                object,
                label_number: self.objects.label_numbers().of(&object.label),
                voxels: of.map_or(0, |of| of.voxels),
                points: of.map_or(0, |of| of.points),
                centroid_m: of.map(|of| of.centroid_m),
                labels: self.objects.labels(object.id),
            }
        });
        let summary = Summary {
            frame_id: &self.config.frame_id,
            voxel_size_m: self.config.voxel_size_m,
            counts,
            bounds_m: self.bounds_m(),
            bytes: self.bytes(),
            bytes_per_voxel: self.bytes_per_voxel(),
            feature_width: self.config.feature_width,
            objects: objects.collect(),
            relations,
        };
        write_file(path, |out| {
            serde_json::to_writer_pretty(&mut *out, &summary)?;
            out.write_all(b"\n")
        })?;
        Ok(counts)
    }
}

fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), SceneError> {
    let written = File::create(path).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    });
    written.map_err(|source| SceneError::File { path: path.to_owned(), source })
}
