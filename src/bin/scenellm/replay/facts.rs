//! What the page of a replay tells at a glance, and which topics the recording has.

use super::Gathered;
use crate::settings::Source;
use scenellm::bag::{TopicInfo, TopicSelection};
use scenellm::planner::Session;
use scenellm::report::TopicRow;
use scenellm::tasks::Plan;
use std::collections::BTreeMap;

/// What came of a replay that took `wall_s` seconds.
pub(super) fn at_a_glance(
    source: &Source,
    session: &Session,
    gathered: &Gathered,
    wall_s: f64,
) -> Vec<(String, String)> {
    let map = session.map();
    let frames = gathered.frames.len();
    let spent_ms: f64 = gathered.frames.iter().map(|frame| frame.timings.total_ms()).sum();
    let map_mib = map.bytes() as f64 / f64::from(1 << 20);
    let facts = [
        ("frames", frames.to_string()),
        ("objects", map.objects().len().to_string()),
        ("voxels", map.len().to_string()),
        ("map size", format!("{map_mib:.1} MiB, {:.0} bytes a voxel", map.bytes_per_voxel())),
        ("eyes", session.extractor_name().unwrap_or("none").to_owned()),
        ("recording", format!("{:.1} s", source.bag.duration().as_secs_f64())),
        ("whole replay", format!("{wall_s:.1} s")),
        ("mean time a frame", format!("{:.1} ms", spent_ms / frames as f64)),
    ];
    let plan = gathered.plan.iter().map(|plan| ("plan", in_short(plan)));
    plan.chain(facts).map(|(what, how)| (what.to_owned(), how)).collect()
}

fn in_short(plan: &Plan) -> String {
    if plan.refusal.is_some() {
        return "refused".to_owned();
    }
    let unbound = plan.steps.iter().filter(|step| !step.is_bound()).count();
    match (plan.steps.len(), unbound) {
        (steps, 0) => format!("{steps} steps, all bound"),
        (steps, unbound) => format!("{steps} steps, {unbound} not bound"),
    }
}

/// The topics of a recording, by name, with what each is used as.
pub(super) fn topics(source: &Source) -> Vec<TopicRow> {
    let duration_s = source.bag.duration().as_secs_f64();
    rows(source.bag.topics(), source.selections(), duration_s)
}

fn rows(topics: &[TopicInfo], selections: &[TopicSelection], duration_s: f64) -> Vec<TopicRow> {
    let mut uses = BTreeMap::<&str, Vec<String>>::new();
    for (camera, selection) in selections.iter().enumerate() {
        for (role, topic) in selection.iter() {
            let used_as = match (role.is_of_camera(), selections.len()) {
                (true, 2..) => format!("{role} of camera {camera}"),
                (false, _) if camera > 0 => continue,
                _ => role.to_string(),
            };
            uses.entry(&topic.name).or_default().push(used_as);
        }
    }
    let row = |topic: &TopicInfo| {
        let several = topic.message_count.filter(|count| *count > 1 && duration_s > 0.0);
        TopicRow {
            used_as: uses.get(topic.name.as_str()).map_or_else(String::new, |uses| uses.join(", ")),
            name: topic.name.clone(),
            type_name: topic.type_name.clone(),
            messages: topic.message_count,
            rate_hz: several.map(|count| (count - 1) as f64 / duration_s),
        }
    };
    topics.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenellm::bag::select;
    use scenellm::planner::TopicConfig;

    fn topic(name: &str, type_name: &str, count: Option<u64>) -> TopicInfo {
        TopicInfo {
            name: name.into(),
            type_name: type_name.into(),
            message_count: count,
            serialization_format: "cdr".into(),
        }
    }

    #[test]
    fn each_topic_tells_what_it_is_used_as_and_how_often_it_comes() {
        let (image, info) = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo");
        let topics = [
            topic("/camera/color/image_raw", image, Some(21)),
            topic("/camera/color/camera_info", info, None),
            topic("/camera/aligned_depth_to_color/image_raw", image, Some(20)),
            topic("/tf_static", "tf2_msgs/msg/TFMessage", Some(1)),
            topic("/odom", "nav_msgs/msg/Odometry", Some(41)),
        ];
        let selection = select(&topics, &TopicConfig::default()).unwrap();
        let told = |rows: Vec<TopicRow>| {
            let told = |row: TopicRow| (row.used_as, row.messages, row.rate_hz);
            rows.into_iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(
            told(rows(&topics, std::slice::from_ref(&selection), 10.0)),
            [
                ("color".to_owned(), Some(21), Some(2.0)),
                ("color_info, depth_info".to_owned(), None, None),
                ("depth".to_owned(), Some(20), Some(1.9)),
                ("tf_static".to_owned(), Some(1), None),
                (String::new(), Some(41), Some(4.0)),
            ]
        );
        let two = told(rows(&topics, &[selection.clone(), selection], 0.0));
        assert_eq!(two[0], ("color of camera 0, color of camera 1".to_owned(), Some(21), None));
        assert_eq!(two[3].0, "tf_static", "told once, as all cameras share it");
    }
}
