//! The check for people.

use super::{Alignment, BagCheck, CameraCheck, EdgeCheck, Finding, Severity, TransformCheck};
use std::fmt::{self, Display, Formatter};

impl Display for BagCheck {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_topics(f)?;
        self.write_sync(f)?;
        self.transforms.fmt(f)?;
        self.write_cameras(f)?;
        self.write_frames(f)?;
        if self.findings.is_empty() {
            return writeln!(f, "\nNothing would fail.");
        }
        writeln!(f, "\nWhat would fail")?;
        self.findings.iter().try_for_each(|finding| finding.fmt(f))
    }
}

impl BagCheck {
    fn write_topics(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "Topics ({:.1} s)", self.duration_s)?;
        let wide = |text: fn(&super::TopicCheck) -> &str| {
            self.topics.iter().map(|topic| text(topic).len()).max().unwrap_or(0)
        };
        let (name_width, type_width) = (wide(|topic| &topic.name), wide(|topic| &topic.type_name));
        for topic in &self.topics {
            let rate = topic.rate_hz.map_or(String::new(), |hz| format!("{hz:.1} Hz"));
            let line = format!(
                "  {:name_width$}  {:type_width$}  {:>7}  {rate:>9}",
                topic.name, topic.type_name, topic.messages
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "\nRoles")?;
        for role in &self.roles {
            let said = role.topic.as_deref().or(role.reason.as_deref()).unwrap_or_default();
            let mark = if role.topic.is_some() { " " } else { "-" };
            writeln!(f, "  {:<12} {mark} {said}", role.role)?;
        }
        Ok(())
    }

    fn write_sync(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sync = &self.sync;
        writeln!(f, "\nColour and depth")?;
        if let (Some(median), Some(max)) = (sync.skew_median_ms, sync.skew_max_ms) {
            writeln!(f, "  skew      median {median:.2} ms, largest {max:.2} ms")?;
        }
        writeln!(
            f,
            "  pairs     {} within {} ms; {} colour and {} depth images without partner",
            sync.pairs, sync.slop_ms, sync.unpaired_color, sync.unpaired_depth
        )
    }

    fn write_cameras(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nDepth")?;
        match &self.depth {
            None => writeln!(f, "  no image that can be decoded")?,
            Some(depth) => {
                let (width, height) = depth.size;
                writeln!(f, "  encoding  {:?}, in {}", depth.encoding, depth.unit)?;
                writeln!(
                    f,
                    "  first     {width}x{height}, {:.1} % valid, {:.1} % in the believed range",
                    100.0 * depth.valid_share,
                    100.0 * depth.believed_share
                )?;
                if let Some([min_m, median_m, max_m]) = depth.range_m {
                    writeln!(f, "  metres    {min_m:.3} to {max_m:.3}, median {median_m:.3}")?;
                }
            }
        }
        if let Some(alignment) = self.alignment {
            writeln!(
                f,
                "  colour    {}",
                match alignment {
                    Alignment::Registered => "depth is registered: it lies on the colour pixels",
                    Alignment::Resampled => {
                        "depth is not registered: same frame, other intrinsics; it is resampled"
                    }
                    Alignment::ByTransform => {
                        "depth is not registered: it is carried over by transform"
                    }
                }
            )?;
        }
        for (name, camera) in [("Colour", &self.color_camera), ("Depth", &self.depth_camera)] {
            if let Some(camera) = camera {
                writeln!(f, "\n{name} camera\n{camera}")?;
            }
        }
        Ok(())
    }

    fn write_frames(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let frames = &self.frames;
        writeln!(f, "\nFrames")?;
        writeln!(f, "  made      {}, {} without depth", frames.made, frames.without_depth)?;
        writeln!(f, "  dropped   {}", frames.dropped)?;
        match frames.decode_median_ms {
            Some(decode_ms) => writeln!(f, "  decoding  median {decode_ms:.1} ms"),
            None => Ok(()),
        }
    }
}

impl Display for TransformCheck {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nTransforms")?;
        let starts = self.edges.iter().filter_map(|edge| edge.range_ns);
        let origin_ns = starts.map(|(first_ns, _)| first_ns).min().unwrap_or(0);
        for edge in &self.edges {
            if edge.level == 0 {
                writeln!(f, "  {}", edge.parent)?;
            }
            write_edge(edge, origin_ns, f)?;
        }
        if self.edges.is_empty() {
            writeln!(f, "  none")?;
        } else if origin_ns != 0 {
            writeln!(f, "  (times from {}.{:09} s)", origin_ns / SECOND, origin_ns % SECOND)?;
        }
        if let Some(optical) = &self.optical_frame {
            let joined = if self.connected { "connected" } else { "NOT connected" };
            writeln!(f, "  {} <- {optical}: {joined}", self.world_frame)?;
        }
        let share = 100.0 * self.images_with_pose as f64 / self.images.max(1) as f64;
        writeln!(
            f,
            "  pose known for {} of {} colour images ({share:.1} %)",
            self.images_with_pose, self.images
        )
    }
}

const SECOND: i64 = 1_000_000_000;

fn write_edge(edge: &EdgeCheck, origin_ns: i64, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "  {}{}: ", "  ".repeat(edge.level + 1), edge.child)?;
    let since_s = |ns: i64| ns.saturating_sub(origin_ns) as f64 * 1e-9;
    match (edge.range_ns, edge.rate_hz) {
        (None, _) => writeln!(f, "static"),
        (Some((at_ns, _)), None) => writeln!(f, "one sample at {:.3} s", since_s(at_ns)),
        (Some((from_ns, to_ns)), Some(hz)) => {
            writeln!(f, "{hz:.1} Hz, {:.3} to {:.3} s", since_s(from_ns), since_s(to_ns))
        }
    }
}

impl Display for CameraCheck {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (width, height) = self.size;
        let [fx, fy, cx, cy] = self.intrinsics;
        writeln!(f, "  info      {} in frame {:?}", self.topic, self.frame_id)?;
        writeln!(f, "  pixels    {width}x{height}, fx {fx:.2} fy {fy:.2} cx {cx:.2} cy {cy:.2}")?;
        if self.distortion.iter().all(|coefficient| *coefficient == 0.0) {
            writeln!(f, "  lens      {:?}, no distortion", self.distortion_model)?;
        } else {
            writeln!(f, "  lens      {:?} {:?}", self.distortion_model, self.distortion)?;
        }
        match self.view_deg {
            Some([across, down]) => write!(f, "  view      {across:.1}° x {down:.1}°"),
            None => write!(f, "  view      unknown: the lens model folds over inside the image"),
        }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "ERROR  ",
            Severity::Warning => "warning",
        };
        writeln!(f, "  {severity} {}: {}", self.subject, self.what)?;
        writeln!(f, "          -> {}", self.advice)
    }
}
