//! What each parameter is: description with unit, range, and whether it may change at run time.

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Anything of its type.
    Any,
    /// A number between these.
    Double(f64, f64),
    /// An integer between these.
    Integer(i64, i64),
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    pub name: &'static str,
    pub description: &'static str,
    pub range: Range,
    /// Whether it can be set while the node runs.
    pub live: bool,
}

const fn fixed(name: &'static str, range: Range, description: &'static str) -> Entry {
    Entry { name, description, range, live: false }
}

const fn live(name: &'static str, range: Range, description: &'static str) -> Entry {
    Entry { name, description, range, live: true }
}

use Range::{Any, Double, Integer};

/// All parameters, in the order of config/planner.yaml; `*` stands for a name or a topic.
pub const TABLE: &[Entry] = &[
    fixed("autostart", Any, "Whether the node configures and activates itself at its start."),
    fixed("use_sim_time", Any, "Whether time is that of /clock."),
    fixed("image_transport", Any, "Transport of colour images: raw or compressed."),
    fixed("depth_transport", Any, "Transport of depth images: raw, compressedDepth or compressed."),
    fixed("cameras", Any, "Names of the cameras, where there are several."),
    fixed("camera.*.color", Any, "Topic of its colour images; NAME/color/image_raw unless given."),
    fixed(
        "camera.*.color_info",
        Any,
        "Topic of its calibration; NAME/color/camera_info unless given.",
    ),
    fixed("camera.*.depth", Any, "Topic of its depth; NAME/depth/image_rect_raw unless given."),
    fixed(
        "camera.*.depth_info",
        Any,
        "Topic of its calibration; NAME/depth/camera_info unless given.",
    ),
    fixed("camera.*.image_transport", Any, "Its image_transport, where it differs."),
    fixed("camera.*.depth_transport", Any, "Its depth_transport, where it differs."),
    fixed("topics.color", Any, "Topic of colour images, without the suffix of the transport."),
    fixed("topics.color_info", Any, "Topic of the colour camera's calibration."),
    fixed("topics.depth", Any, "Topic of depth images, without the suffix of the transport."),
    fixed("topics.depth_info", Any, "Topic of the depth camera's calibration."),
    fixed("topics.tf", Any, "Topic of moving transforms."),
    fixed("topics.tf_static", Any, "Topic of fixed transforms."),
    fixed("topics.detections", Any, "Topic of labelled objects; empty for none."),
    fixed("topics.goal", Any, "Topic of goals."),
    fixed("topics.utterance", Any, "Topic of what people say."),
    fixed("topics.clock", Any, "Topic of simulated time."),
    fixed("sensing.world_frame", Any, "Fixed frame of the map (REP 105)."),
    fixed(
        "sensing.sync_slop_ms",
        Double(0.0, 1e4),
        "Largest difference of colour and depth stamps, milliseconds; 0: equal stamps.",
    ),
    fixed("sensing.tf_cache_s", Double(0.0, 3600.0), "How long transforms are kept, seconds."),
    fixed(
        "sensing.tf_wait_s",
        Double(0.0, 3600.0),
        "How long a frame waits for a late transform, seconds.",
    ),
    fixed("sensing.queue_length", Integer(1, 10_000), "Most images waiting in each queue."),
    fixed("sensing.min_depth_m", Double(0.0, 1000.0), "Readings nearer are none, metres."),
    fixed("sensing.max_depth_m", Double(0.0, 1000.0), "Readings farther are none, metres."),
    fixed("sensing.images_rectified", Any, "Whether P of the camera info holds, not K and D."),
    fixed(
        "vision.extractor",
        Any,
        "Features of the map: auto, none, color_geometry, scene_vit, clip, …",
    ),
    fixed("vision.weights", Any, "Weights of the extractor, where it has any."),
    fixed(
        "vision.image_px",
        Integer(16, 4096),
        "Shorter edge to which clip, vit, dino and dinov2 scale pictures, pixels.",
    ),
    fixed("vision.weight_format", Any, "Weights of public encoders: f32, f16, bf16 or q8_0."),
    fixed(
        "vision.every_frames",
        Integer(1, 4_294_967_295),
        "Of how many frames of a camera one gets features; the others bring geometry and colour.",
    ),
    fixed("map.frame_id", Any, "Follows sensing.world_frame."),
    fixed("map.voxel_size_m", Double(0.001, 10.0), "Edge length of a voxel, metres."),
    fixed("map.max_bytes", Any, "Bytes the map may take."),
    fixed("map.min_depth_m", Double(0.0, 1000.0), "Nearest depth that is mapped, metres."),
    fixed("map.max_depth_m", Double(0.0, 1000.0), "Farthest depth that is mapped, metres."),
    fixed("map.feature_width", Any, "Follows vision.extractor."),
    fixed("map.feature_space", Any, "Follows vision.extractor."),
    fixed(
        "map.feature_memory",
        Integer(1, 65_535),
        "Frames that the mean feature of a voxel remembers.",
    ),
    fixed(
        "map.revisit_s",
        Double(0.0, 1e9),
        "What was not seen for longer may be another thing now, seconds.",
    ),
    fixed("map.removal.enabled", Any, "Whether what is seen to be gone is removed."),
    fixed(
        "map.removal.margin_m",
        Double(0.0, 1000.0),
        "How far readings must lie behind a voxel, metres.",
    ),
    fixed(
        "map.removal.margin_per_m2",
        Double(0.0, 1000.0),
        "How much more of that a square metre of depth.",
    ),
    fixed(
        "map.removal.radius_m",
        Double(0.0, 1000.0),
        "How near to the voxel all readings must agree, metres.",
    ),
    fixed("map.removal.hit", Integer(1, 32_767), "Evidence won by a frame that shows it."),
    fixed("map.removal.miss", Integer(1, 32_767), "Evidence lost by a frame that does not."),
    fixed("map.removal.max_evidence", Integer(1, 32_767), "Most evidence of a voxel."),
    fixed(
        "regions.every_frames",
        Integer(0, 4_294_967_295),
        "Every how many frames objects follow the regions of the map; 0: never.",
    ),
    fixed("regions.names", Any, "Names of things to look for, where the extractor has none."),
    fixed("regions.structure", Any, "Names that are the room's, and no things."),
    fixed(
        "regions.temperature",
        Double(0.001, 10.0),
        "What cosines are divided by to become probabilities.",
    ),
    fixed("regions.nothing", Double(-1.0, 1.0), "Cosine at which a name is as likely as none."),
    fixed("regions.min_score", Double(0.0, 1.0), "Least mean probability of a region's name."),
    fixed(
        "regions.min_mass",
        Double(0.0, 1e6),
        "Least sum of probabilities over a region's voxels of 5 cm.",
    ),
    fixed(
        "regions.frame_voxel_m",
        Double(0.001, 10.0),
        "Voxels that a single frame is pooled into, metres.",
    ),
    fixed(
        "detector.grounding_dino",
        Any,
        "Weights of Grounding DINO: finds boxes of what is named.",
    ),
    fixed("detector.sam", Any, "Weights of SAM: cuts out what is in them."),
    fixed("detector.names", Any, "Names of what is looked for."),
    fixed(
        "detector.most_passes",
        Integer(1, 100_000),
        "Most passes that a picture may take for them; each takes as long as the first.",
    ),
    fixed(
        "detector.every_frames",
        Integer(1, 4_294_967_295),
        "Every how many frames of a camera things are looked for in a recording; the node takes \
         the newest frame whenever it is done with one.",
    ),
    fixed("detector.box_threshold", Double(0.0, 1.0), "Least score of a box."),
    fixed("detector.text_threshold", Double(0.0, 1.0), "Least score of a word."),
    fixed(
        "detector.most_overlap",
        Double(0.0, 1.0),
        "Of two boxes that share more of their union than this the surer one stays.",
    ),
    fixed("detector.most_masks", Integer(1, 100_000), "Most things of a frame."),
    fixed("plan.model", Any, "Folder of the planner model."),
    fixed("plan.device", Any, "auto, cpu or cuda:N."),
    live(
        "plan.step_expiry_s",
        Double(0.0, 86_400.0),
        "How long after the newest observation a step may be started, seconds; more than 0.",
    ),
    live(
        "plan.require_grounding",
        Any,
        "Whether a word that is not in the map makes the plan a refusal.",
    ),
    fixed("follow.base_frame", Any, "Frame of the robot's base, x forward (REP 105)."),
    fixed("follow.base_height_m", Double(-10.0, 10.0), "Its height above the floor, metres."),
    fixed("follow.robot_radius_m", Double(0.0, 10.0), "Radius that the robot fills, metres."),
    fixed("follow.robot_height_m", Double(0.01, 10.0), "Height of the robot, metres."),
    fixed("follow.ground_clearance_m", Double(0.0, 1.0), "What is lower is floor, metres."),
    fixed("follow.max_forward_m", Double(0.05, 100.0), "Longest way in one motion, metres."),
    fixed(
        "follow.position_tolerance_m",
        Double(0.005, 1.0),
        "How near to its end a way counts as gone, metres.",
    ),
    fixed(
        "follow.heading_tolerance_rad",
        Double(0.005, 1.0),
        "How near to its end a turn counts as done, radians.",
    ),
    fixed("follow.reach_m", Double(0.05, 10.0), "How near to a thing the robot is there, metres."),
    fixed("follow.motion_timeout_s", Double(0.1, 600.0), "How long a motion may take, seconds."),
    fixed(
        "follow.pose_stale_s",
        Double(0.05, 60.0),
        "How old, or ahead of the clock, the pose may be; else the robot is told to stop, seconds.",
    ),
    fixed("follow.by_model", Any, "Whether the model reads what the rules do not know."),
    live(
        "publish.map_period_s",
        Double(0.01, 3600.0),
        "Least time between two clouds of the map, seconds.",
    ),
    live(
        "publish.frame_period_s",
        Double(0.01, 3600.0),
        "Least time between two clouds of the newest frame, seconds.",
    ),
    live("publish.max_points", Integer(1, 10_000_000), "Most points of a cloud."),
    live(
        "publish.diagnostics_period_s",
        Double(0.01, 3600.0),
        "Time between two messages on /diagnostics, seconds.",
    ),
    live(
        "publish.stale_after_s",
        Double(0.01, 3600.0),
        "Silence of a topic after which it is warned of, seconds.",
    ),
    fixed("qos_overrides.*.subscription.reliability", Any, "reliable or best_effort."),
    fixed("qos_overrides.*.subscription.history", Any, "keep_last."),
    fixed("qos_overrides.*.subscription.depth", Integer(1, 1000), "Samples kept."),
    fixed("qos_overrides.*.subscription.durability", Any, "transient_local or volatile."),
    fixed("qos_overrides.*.publisher.reliability", Any, "reliable or best_effort."),
    fixed("qos_overrides.*.publisher.history", Any, "keep_last."),
    fixed("qos_overrides.*.publisher.depth", Integer(1, 1000), "Samples kept."),
    fixed("qos_overrides.*.publisher.durability", Any, "transient_local or volatile."),
];
