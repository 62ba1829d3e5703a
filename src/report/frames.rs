//! One row a frame: `frames.csv` for machines, `timings.svg` for people.

use super::ReportError;
use super::chart::{LineChart, Series};
use crate::geometry::pose_to_row_major;
use crate::planner::{FrameRecord, StageTimings};
use std::fmt::Write;

/// The table as CSV: `stamp_ns`, the 16 numbers of `world_T_camera` row-major, `points`, `voxels`,
/// milliseconds by stage, and the index of the `camera`.
///
/// Numbers are written in the shortest form that reads back to the same value, so two replays of a
/// bag give the same bytes in all columns but the milliseconds.
pub fn frames_csv(frames: &[FrameRecord]) -> String {
    let mut csv = String::from("stamp_ns");
    for (row, column) in (0..4).flat_map(|row| (0..4).map(move |column| (row, column))) {
        let _ = write!(csv, ",world_T_camera_{row}{column}");
    }
    csv.push_str(",points,voxels");
    for stage in StageTimings::NAMES {
        let _ = write!(csv, ",{stage}_ms");
    }
    csv.push_str(",camera\n");
    for frame in frames {
        let _ = write!(csv, "{}", frame.stamp_ns);
        for number in pose_to_row_major(&frame.world_T_camera) {
            let _ = write!(csv, ",{number}");
        }
        let _ = write!(csv, ",{},{}", frame.points, frame.voxels);
        for milliseconds in frame.timings.values_ms() {
            let _ = write!(csv, ",{milliseconds:.3}");
        }
        let _ = writeln!(csv, ",{}", frame.camera);
    }
    csv
}

/// Milliseconds by stage over the frames, as SVG text.
pub fn timings_svg(frames: &[FrameRecord]) -> Result<String, ReportError> {
    let stage = |index: usize, name: &str| Series {
        name: name.to_string(),
        points: frames
            .iter()
            .enumerate()
            .map(|(n, frame)| (n as f64, frame.timings.values_ms()[index]))
            .collect(),
    };
    let mut series: Vec<_> =
        StageTimings::NAMES.iter().enumerate().map(|(index, name)| stage(index, name)).collect();
    series.push(Series {
        name: "total".to_string(),
        points: frames
            .iter()
            .enumerate()
            .map(|(n, frame)| (n as f64, frame.timings.total_ms()))
            .collect(),
    });
    LineChart {
        title: "Time by stage".to_string(),
        x_label: "frame".to_string(),
        y_label: "ms".to_string(),
        series,
    }
    .to_svg(900, 360)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Pose;

    #[test]
    fn csv_has_one_row_a_frame_and_reads_back_exactly() {
        let frame = FrameRecord {
            stamp_ns: 1_700_000_000_123_456_789,
            camera: 0,
            world_T_camera: Pose::translation(0.1, 1.0 / 3.0, -2.0),
            points: 10,
            voxels: 4,
            removed_voxels: 1,
            timings: StageTimings { decode_ms: 1.5, ..StageTimings::default() },
        };
        let csv = frames_csv(&[frame]);
        let lines: Vec<_> = csv.lines().collect();
        assert_eq!(lines.len(), 2);
        let names: Vec<_> = lines[0].split(',').collect();
        let cells: Vec<_> = lines[1].split(',').collect();
        assert_eq!(names.len(), cells.len());
        let cell = |name: &str| cells[names.iter().position(|n| *n == name).unwrap()];
        assert_eq!(cell("stamp_ns"), "1700000000123456789");
        assert_eq!(cell("world_T_camera_13").parse::<f64>().unwrap(), 1.0 / 3.0);
        assert_eq!(cell("decode_ms"), "1.500");
    }
}
