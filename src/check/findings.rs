//! From what the pass noted to what would fail.

mod images;
mod tree;

use super::facts::{alignment, camera_check, depth_check, median, sync_check, transform_check};
use super::pass::{DropKind, Pass, Repeated};
use super::{BagCheck, Finding, FrameCheck, Severity, SyncCheck, TransformCheck};
use crate::bag::BagReader;
use crate::sensing::{decode_color, decode_depth};
use images::{camera, depth_readings, image_fits};
use tree::{axes, tree};

/// Collects findings; the same thing is said once.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Severity, subject: &str, what: String, advice: impl Into<String>) {
        if self.0.iter().all(|finding| finding.what != what) {
            let (subject, advice) = (subject.to_owned(), advice.into());
            self.0.push(Finding { severity, subject, what, advice });
        }
    }

    fn error(&mut self, subject: &str, what: impl ToString, advice: impl Into<String>) {
        self.add(Severity::Error, subject, what.to_string(), advice);
    }

    fn warning(&mut self, subject: &str, what: impl ToString, advice: impl Into<String>) {
        self.add(Severity::Warning, subject, what.to_string(), advice);
    }

    fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Everything that follows from the pass.
pub(super) fn conclude(mut pass: Pass<'_>, bag: &BagReader) -> BagCheck {
    let mut findings = Findings::default();
    choice(&pass, &mut findings);
    let config = pass.config;
    let color_camera = camera(pass.color_info.as_ref(), &pass.first_color, config, &mut findings);
    let depth_camera = camera(pass.depth_info.as_ref(), &pass.first_depth, config, &mut findings);
    if let Some(image) = &pass.first_color {
        let size = decode_color(image).map(|decoded| decoded.dimensions());
        image_fits(image, size, color_camera.as_ref(), pass.color_info.as_ref(), &mut findings);
    }
    let decoded = pass.first_depth.as_ref().map(|image| (image, decode_depth(image)));
    if let Some((image, decoded)) = &decoded {
        let size = decoded.as_ref().map(|d| (d.width, d.height)).map_err(Clone::clone);
        image_fits(image, size, depth_camera.as_ref(), pass.depth_info.as_ref(), &mut findings);
    }
    let depth = decoded.and_then(|(image, depth)| {
        let check = depth_check(image, &depth.ok()?, config);
        depth_readings(&image.topic, &check, config, &mut findings);
        Some(check)
    });
    let transforms = transform_check(&pass);
    tree(&pass, &transforms, &mut findings);
    axes(&pass, &transforms, &mut findings);
    let sync = sync_check(&mut pass);
    pairing(&pass, &sync, &mut findings);
    drops(&pass, &transforms, &mut findings);
    streams(&pass, &mut findings);
    let status = pass.assembler.status();
    let frames = FrameCheck {
        made: status.frames,
        without_depth: pass.frames_without_depth,
        dropped: status.dropped,
        decode_median_ms: median(&mut pass.decode_ms),
    };
    if frames.made > 0 && frames.without_depth == frames.made {
        let advice = "check that the depth camera was on and its range fits the place";
        findings.error("depth", "no frame has one reading of depth in the believed range", advice);
    }
    if frames.made == 0 && !findings.has_errors() {
        let what = "no frame came out of this bag";
        findings.error("frames", what, "see the warnings: each names what it cost");
    }
    findings.0.sort_by_key(|finding| finding.severity);
    BagCheck {
        duration_s: bag.duration().as_secs_f64(),
        topics: pass.topic_checks(bag),
        roles: pass.choice.checks(),
        sync,
        transforms,
        depth,
        alignment: alignment(&pass, color_camera, depth_camera),
        color_camera: color_camera.zip(pass.color_info.as_ref()).map(camera_check),
        depth_camera: depth_camera.zip(pass.depth_info.as_ref()).map(camera_check),
        frames,
        findings: findings.0,
        first_frame: pass.first_frame,
    }
}

/// Topics: what is not there, not readable, not clear.
fn choice(pass: &Pass<'_>, findings: &mut Findings) {
    for error in &pass.choice.foreign {
        let what = pass.choice.told(error);
        findings.error("topics", what, "record the topic with a ROS 2 middleware that writes CDR");
    }
    for (role, error) in &pass.choice.unserved {
        // A replay refuses to choose as well, for a role that may be left out, too.
        let advice = format!("record the topic, or name it: topics.{role} in the parameter file");
        findings.error(&role.to_string(), pass.choice.told(error), advice);
    }
    for (role, topic) in pass.choice.served() {
        let messages = pass.topics.get(&topic.name).copied().flatten();
        if messages.is_none() && role.is_of_camera() {
            let what =
                format!("no message of {} in the bag, it was to serve as {role}", topic.name);
            findings.error(&topic.name, what, "record it again, with the publisher running");
        }
    }
}

fn pairing(pass: &Pass<'_>, sync: &SyncCheck, findings: &mut Findings) {
    let images = pass.color_ns.len().min(pass.depth_ns.len()) as u64;
    let (Some(median_ms), Some(color)) = (sync.skew_median_ms, &pass.first_color) else { return };
    let missed = images.saturating_sub(sync.pairs);
    if missed == 0 {
        return;
    }
    let what = format!(
        "{missed} of {images} images found no partner within {} ms; colour and depth are {median_ms:.1} ms \
         apart in the median",
        sync.slop_ms
    );
    let severity = if 2 * sync.pairs < images { Severity::Error } else { Severity::Warning };
    let advice = "switch on the camera's synchronisation, or raise sensing.sync_slop_ms";
    findings.add(severity, &color.topic, what, advice);
}

/// Images that came to nothing, by reason.
fn drops(pass: &Pass<'_>, transforms: &TransformCheck, findings: &mut Findings) {
    let images = pass.color_ns.len().max(1) as u64;
    let has_both = !pass.color_ns.is_empty() && !pass.depth_ns.is_empty();
    for ((topic, kind), drop) in &pass.drops {
        let advice = match kind {
            DropKind::TooEarly | DropKind::TooLate if pass.images_with_pose == 0 => {
                "images and transforms share no time: see that one clock stamps both (use_sim_time, \
                 the clocks of all computers)"
            }
            DropKind::TooEarly => {
                "images before the first transform are left out: start recording transforms first"
            }
            DropKind::TooLate => {
                "images after the last transform are left out: record transforms to the end; if \
                 they come late, raise sensing.tf_wait_s"
            }
            // Connected in the end: some edge came late, or two publishers disagree.
            DropKind::NoEdge if transforms.connected => {
                "an edge of the tree came late, or its parents change: see the tree"
            }
            // Of images without any of the other kind, no queue is long enough.
            DropKind::QueueFull if transforms.connected && has_both => {
                "raise sensing.queue_length, or see to what the images wait for"
            }
            DropKind::NoInfo if pass.choice.unserved.is_empty() => {
                "record the camera info from the start"
            }
            DropKind::Unusable => "see whether the recording lost data",
            // Said already: by the tree, the topics, the pairing, the clock.
            DropKind::NoEdge
            | DropKind::QueueFull
            | DropKind::NoInfo
            | DropKind::Unpaired
            | DropKind::Jumped => continue,
        };
        let first = drop.first.to_string();
        if findings.0.iter().any(|finding| finding.what == first) {
            continue;
        }
        let what = format!("{} of {images} images dropped, the first because: {first}", drop.count);
        let severity = if 2 * drop.count >= images { Severity::Error } else { Severity::Warning };
        findings.add(severity, topic, what, advice);
    }
}

/// The streams themselves: damage, bad messages, refused transforms, jumps of the clock.
fn streams(pass: &Pass<'_>, findings: &mut Findings) {
    if let Some(damage) = &pass.damage {
        findings.error(
            "bag",
            damage,
            "all before the damage is used; record or copy the bag again",
        );
    }
    for (topic, bad) in &pass.unreadable {
        let what = format!("{} messages cannot be used, the first: {}", bad.count, bad.first);
        findings.warning(topic, what, "see whether type and data of the topic fit together");
    }
    if let Some(Repeated { count, first: (from_ns, to_ns) }) = &pass.jumps {
        let back_s = from_ns.saturating_sub(*to_ns) as f64 * 1e-9;
        let first = format!("jumps back by {back_s:.1} s, from {from_ns} ns to {to_ns} ns");
        let (what, advice) = match count {
            1 => (
                format!("the clock {first}"),
                "a map ends there; split the bag where the recording started over",
            ),
            _ => (
                format!("the clock jumps back {count} times; first it {first}"),
                "see whether two publishers stamp by different clocks, as when a bag was played \
                 beside live sensors",
            ),
        };
        findings.warning("clock", what, advice);
    }
    let status = pass.assembler.status();
    if let Some(last) = status.last_refused_transform {
        let what = format!("{} transforms refused, the last: {last}", status.refused_transforms);
        findings.warning("tf", what, "fix the publisher of this edge");
    }
}
