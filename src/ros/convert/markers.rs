//! Plans as shapes and words for RViz and Foxglove.

use crate::ros::msg::{ColorRGBA, Header, Marker, MarkerArray, Point, Pose, Quaternion, Vector3};
use crate::tasks::{Grounding, Plan};

/// Height of a line of text, metres.
pub(super) const LINE_M: f64 = 0.1;
/// Diameter of a target, metres.
const TARGET_M: f64 = 0.12;
/// Shaft and head of an arrow, metres.
const ARROW_M: Vector3 = Vector3 { x: 0.02, y: 0.05, z: 0.08 };
pub(super) const WHITE: ColorRGBA = ColorRGBA { r: 1.0, g: 1.0, b: 1.0, a: 1.0 };
const RED: ColorRGBA = ColorRGBA { r: 0.9, g: 0.2, b: 0.15, a: 0.6 };
const BLUE: ColorRGBA = ColorRGBA { r: 0.2, g: 0.5, b: 1.0, a: 0.9 };

/// What takes everything away that was shown.
pub fn no_markers(stamp_ns: i64, frame_id: &str) -> MarkerArray {
    let header = Header::new(stamp_ns, frame_id);
    MarkerArray { markers: vec![Marker { header, action: Marker::DELETEALL, ..Marker::default() }] }
}

/// A plan in place of what was shown before: the steps as numbered lines above the places where they
/// happen (`steps`), those places (`targets`) with the names and ids of the objects there
/// (`objects`), and arrows from place to place (`ways`). A step that is bound to nothing stands at
/// the place before it; a plan without any place shows nothing.
pub fn plan_markers(plan: &Plan) -> MarkerArray {
    let mut shown = no_markers(plan.stamp_ns, &plan.frame_id);
    let header = Header::new(plan.stamp_ns, &plan.frame_id);
    let marker = |ns: &str, id: usize, kind, [x, y, z]: [f64; 3], scale, color| Marker {
        header: header.clone(),
        ns: ns.into(),
        id: i32::try_from(id).unwrap_or(i32::MAX),
        kind,
        action: Marker::ADD,
        pose: Pose {
            position: Point { x, y, z },
            orientation: Quaternion { x: 0.0, y: 0.0, z: 0.0, w: 1.0 },
        },
        scale,
        color,
        ..Marker::default()
    };
    let line = Vector3 { x: 0.0, y: 0.0, z: LINE_M };
    let mut places: Vec<Place> = Vec::new();
    let first = plan.steps.iter().find_map(|step| step.target_position_m());
    let Some(mut here_m) = first else { return shown };
    for step in &plan.steps {
        let there_m = step.target_position_m().unwrap_or(here_m);
        if there_m != here_m {
            let way = marker("ways", step.id as usize, Marker::ARROW, [0.0; 3], ARROW_M, BLUE);
            let points = [here_m, there_m].map(|[x, y, z]| Point { x, y, z }).to_vec();
            shown.markers.push(Marker { points, ..way });
        }
        here_m = there_m;
        let known = places.iter().position(|place| place.at_m == here_m);
        let place = known.unwrap_or_else(|| {
            places.push(Place { at_m: here_m, lines: 0, name: String::new() });
            places.len() - 1
        });
        let Place { lines, name, .. } = &mut places[place];
        *lines += 1;
        let [x, y, z] = here_m;
        let above_m = [x, y, z + TARGET_M + LINE_M * *lines as f64];
        let text = format!("{} {}", step.id, step.summary());
        let words =
            marker("steps", step.id as usize, Marker::TEXT_VIEW_FACING, above_m, line, WHITE);
        shown.markers.push(Marker { text, ..words });
        for argument in &step.arguments {
            match &argument.grounding {
                Grounding::Grounded { object_id, position_m, .. } if *position_m == here_m => {
                    *name = format!("{} #{}", argument.name, object_id.0);
                }
                _ => {}
            }
        }
    }
    let ball = Vector3 { x: TARGET_M, y: TARGET_M, z: TARGET_M };
    for (id, Place { at_m, name, .. }) in places.into_iter().enumerate() {
        shown.markers.push(marker("targets", id, Marker::SPHERE, at_m, ball, RED));
        let words = marker("objects", id, Marker::TEXT_VIEW_FACING, at_m, line, RED);
        shown.markers.push(Marker { text: name, ..words });
    }
    shown
}

/// Where steps happen.
struct Place {
    at_m: [f64; 3],
    /// Lines of text above it.
    lines: usize,
    /// Name and id of the object there.
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::ObjectId;
    use crate::tasks::{Argument, PlanStep};

    /// An action, and the object it is bound to with its x in metres.
    type Line<'a> = (&'a str, Option<(u32, f64)>);

    fn plan(steps: &[Line<'_>]) -> Plan {
        let step = |(id, (action, bound)): (u32, &Line<'_>)| PlanStep {
            id,
            action: (*action).into(),
            arguments: vec![Argument {
                name: "mug".into(),
                grounding: match bound {
                    Some((object, x)) => Grounding::Grounded {
                        object_id: ObjectId(*object),
                        position_m: [*x, 0.0, 1.0],
                        confidence: 1.0,
                    },
                    None => Grounding::Ungrounded { reason: "not seen".into() },
                },
            }],
            expires_ns: 0,
        };
        Plan {
            goal: "g".into(),
            frame_id: "map".into(),
            stamp_ns: 7,
            task: None,
            model: "m".into(),
            mean_log_probability: None,
            shown: None,
            saw: None,
            steps: (1..).zip(steps).map(step).collect(),
            unnamed: Vec::new(),
            undone: Vec::new(),
            refusal: None,
        }
    }

    fn of<'a>(shown: &'a MarkerArray, ns: &str) -> Vec<&'a Marker> {
        shown.markers.iter().filter(|marker| marker.ns == ns).collect()
    }

    #[test]
    fn steps_stand_above_their_places_and_arrows_lie_between() {
        let shown =
            plan_markers(&plan(&[("A", Some((4, 1.0))), ("B", None), ("C", Some((9, 2.0)))]));
        assert_eq!(shown.markers[0].action, Marker::DELETEALL);
        let texts: Vec<_> = of(&shown, "steps").iter().map(|one| one.text.as_str()).collect();
        assert_eq!(texts, ["1 A mug", "2 B mug", "3 C mug"]);
        let heights: Vec<_> = of(&shown, "steps").iter().map(|one| one.pose.position.z).collect();
        assert!(heights[1] > heights[0] && heights[2] == heights[0]);
        let names: Vec<_> = of(&shown, "objects").iter().map(|one| one.text.as_str()).collect();
        assert_eq!(names, ["mug #4", "mug #9"]);
        let way = of(&shown, "ways");
        assert_eq!((way.len(), way[0].points[0].x, way[0].points[1].x), (1, 1.0, 2.0));
        assert!(shown.markers.iter().all(|marker| marker.header == Header::new(7, "map")));
    }

    #[test]
    fn a_plan_without_places_shows_nothing() {
        assert_eq!(plan_markers(&plan(&[("A", None)])), no_markers(7, "map"));
        assert_eq!(plan_markers(&plan(&[])), no_markers(7, "map"));
    }
}
