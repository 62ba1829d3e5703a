//! One row a frame: `frames.csv` for machines, `timings.svg` for people.

use super::ReportError;
use super::chart::{LineChart, Series};
use crate::geometry::pose_to_row_major;
use crate::planner::{FrameRecord, StageTimings};
use std::fmt::Write;

/// Points of a line in the chart, at most: more would show nothing more, and make a page slow to open.
const MAX_POINTS: usize = 600;

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

/// What the columns of [`stage_rows`] are.
pub(super) const STAGE_HEAD: [&str; 5] =
    ["stage", "frames", "mean, ms", "slowest, ms", "share of the time"];

/// A row for each stage, and one for all together: in how many frames it ran, and how long these took.
pub(super) fn stage_rows(frames: &[FrameRecord]) -> Vec<[String; 5]> {
    let whole_ms: f64 = frames.iter().map(|frame| frame.timings.total_ms()).sum();
    let row = |name: &str, times_ms: Vec<f64>| {
        let ran = times_ms.iter().filter(|time_ms| **time_ms > 0.0).count();
        let sum_ms: f64 = times_ms.iter().sum();
        let slowest_ms = times_ms.iter().copied().fold(0.0, f64::max);
        let percent = 100.0 * sum_ms / whole_ms.max(f64::MIN_POSITIVE);
        [
            name.to_owned(),
            ran.to_string(),
            format!("{:.1}", sum_ms / ran.max(1) as f64),
            format!("{slowest_ms:.1}"),
            format!("{percent:.0} %"),
        ]
    };
    let stages = StageTimings::NAMES.iter().enumerate().map(|(index, name)| {
        row(name, frames.iter().map(|frame| frame.timings.values_ms()[index]).collect())
    });
    let all = row("all", frames.iter().map(|frame| frame.timings.total_ms()).collect());
    stages.chain([all]).collect()
}

/// Milliseconds by stage over the frames, as SVG text. Of many frames each point of a line is the
/// slowest of several.
pub fn timings_svg(frames: &[FrameRecord]) -> Result<String, ReportError> {
    let every = frames.len().div_ceil(MAX_POINTS).max(1);
    let stages = StageTimings::NAMES.iter().enumerate();
    let mut series: Vec<_> = stages
        .map(|(index, name)| line(name, frames, every, |frame| frame.timings.values_ms()[index]))
        .collect();
    series.push(line("total", frames, every, |frame| frame.timings.total_ms()));
    let x_label = match every {
        1 => "frame".to_string(),
        _ => format!("frame; each point is the slowest of {every}"),
    };
    let (title, y_label) = ("Time by stage".to_string(), "ms".to_string());
    LineChart { title, x_label, y_label, series }.to_svg(900, 360)
}

fn line(
    name: &str,
    frames: &[FrameRecord],
    every: usize,
    time_ms: impl Fn(&FrameRecord) -> f64,
) -> Series {
    let slowest_ms = |part: &[FrameRecord]| part.iter().map(&time_ms).fold(0.0, f64::max);
    let parts = frames.chunks(every).enumerate();
    let points = parts.map(|(n, part)| ((n * every) as f64, slowest_ms(part))).collect();
    Series { name: name.to_string(), points }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Pose;

    fn frame(decode_ms: f64) -> FrameRecord {
        FrameRecord {
            stamp_ns: 1_700_000_000_123_456_789,
            camera: 0,
            world_T_camera: Pose::translation(0.1, 1.0 / 3.0, -2.0),
            points: 10,
            voxels: 4,
            removed_voxels: 1,
            timings: StageTimings { decode_ms, ..StageTimings::default() },
        }
    }

    #[test]
    fn csv_has_one_row_a_frame_and_reads_back_exactly() {
        let csv = frames_csv(&[frame(1.5)]);
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

    #[test]
    fn stages_are_summed_up() {
        let rows = stage_rows(&[frame(0.0), frame(2.0), frame(4.0)]);
        assert_eq!(rows[0], ["decode", "2", "3.0", "4.0", "100 %"]);
        assert_eq!(rows[1], ["register", "0", "0.0", "0.0", "0 %"]);
        assert_eq!(rows[StageTimings::NAMES.len()], ["all", "2", "3.0", "4.0", "100 %"]);
    }

    #[test]
    fn the_chart_of_a_long_recording_is_small_and_keeps_its_peaks() {
        let slow = |n: usize| n == 7_001;
        let frames: Vec<_> = (0..20_000).map(|n| frame(if slow(n) { 90.0 } else { 1.0 })).collect();
        let decode = line("decode", &frames, 34, |frame| frame.timings.decode_ms);
        assert_eq!(decode.points.len(), 589);
        assert_eq!(decode.points[205], (6_970.0, 90.0));
        let svg = timings_svg(&frames).unwrap();
        assert!(svg.len() < 200_000, "{} bytes", svg.len());
        assert!(svg.contains("the slowest of 34"));
    }
}
