//! The report page: one self-contained HTML file with the plan, the map from above, what came in, and
//! the timings.

use super::ReportError;
use super::frames::{STAGE_HEAD, stage_rows, timings_svg};
use super::html::{drawing, escape, head, photograph, table};
use crate::planner::FrameRecord;
use crate::scene::MapObject;
use crate::tasks::{Grounding, Plan};
use image::RgbImage;
use std::fmt::Write;

/// What the page shows.
pub struct ReportPage<'a> {
    /// Name of what was replayed.
    pub source: &'a str,
    /// What a reader must know before trusting the plan, a paragraph each.
    pub notes: &'a [String],
    /// Facts to be seen at a glance: what, and how it is.
    pub facts: &'a [(String, String)],
    /// The plan, if a goal was set.
    pub plan: Option<&'a Plan>,
    /// The map from above.
    pub topdown: &'a RgbImage,
    /// The objects of the map.
    pub objects: &'a [MapObject],
    /// The newest picture that went into the map.
    pub newest: Option<&'a RgbImage>,
    /// What a detector found in a picture, if there was one.
    pub masks: Option<&'a RgbImage>,
    /// The map from above in the colours of its features, if it has any.
    pub features: Option<&'a RgbImage>,
    /// What was recorded.
    pub topics: &'a [TopicRow],
    /// What was dropped and why, with counts.
    pub dropped: &'a [(String, usize)],
    /// All frames.
    pub frames: &'a [FrameRecord],
}

/// A topic that was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicRow {
    /// What it was used as, such as `color`; empty where it was not read.
    pub used_as: String,
    /// Full name.
    pub name: String,
    /// Type, such as `sensor_msgs/msg/Image`.
    pub type_name: String,
    /// Messages in the recording, where that is known.
    pub messages: Option<u64>,
    /// Messages a second, the mean over the recording; `None` where there is none.
    pub rate_hz: Option<f64>,
}

impl ReportPage<'_> {
    /// The page as HTML text.
    ///
    /// # Errors
    ///
    /// When a picture cannot be encoded, or the chart not drawn.
    pub fn to_html(&self) -> Result<String, ReportError> {
        let mut html = head(&format!("scenellm: {}", self.source), self.notes);
        html.push_str("<dl>");
        for (what, how) in self.facts {
            let _ = write!(html, "<div><dt>{}<dd>{}</div>", escape(what), escape(how));
        }
        html.push_str("</dl>");
        if let Some(plan) = self.plan {
            let _ = write!(html, "<h2>Plan: {}</h2>", escape(&plan.goal));
            if let Some(saw) = &plan.saw {
                let _ = write!(html, "<p>{}</p>", escape(saw));
            }
            html.push_str(&plan_section(plan));
        }
        html.push_str("<h2>Map from above</h2>");
        html.push_str(&drawing("map from above with path, names and plan", self.topdown)?);
        html.push_str(&objects_section(self.objects));
        html.push_str(&self.seen_section()?);
        if let Some(features) = self.features {
            html.push_str("<h2>Features of the map</h2>");
            html.push_str(&drawing("map from above in the colours of its features", features)?);
        }
        html.push_str(&topics_section(self.topics));
        if !self.dropped.is_empty() {
            html.push_str("<h2>Not used</h2>");
            let rows = self.dropped.iter().map(|(why, times)| [why.clone(), times.to_string()]);
            html.push_str(&table(["reason", "times"], rows));
        }
        let _ = writeln!(
            html,
            "<h2>Timings</h2>{}<div class=wide role=img aria-label='milliseconds by stage over the \
             frames'>{}</div></html>",
            table(STAGE_HEAD, stage_rows(self.frames)),
            timings_svg(self.frames)?
        );
        Ok(html)
    }

    fn seen_section(&self) -> Result<String, ReportError> {
        let mut figures = String::new();
        for (picture, caption) in [
            (self.newest, "the newest picture that went into the map"),
            (self.masks, "what was found by words in the picture that was looked at last"),
        ] {
            let Some(picture) = picture else { continue };
            let photograph = photograph(caption, picture)?;
            let _ =
                write!(figures, "<figure>{photograph}<figcaption>{caption}</figcaption></figure>");
        }
        if figures.is_empty() {
            return Ok(figures);
        }
        Ok(format!("<h2>What the robot saw</h2><div class=photos>{figures}</div>"))
    }
}

/// The steps of a plan and what they are bound to, or why there are none.
pub(super) fn plan_section(plan: &Plan) -> String {
    let left_out = plan.told_left_out().map_or_else(String::new, |told| format!("; {told}"));
    if let Some(refusal) = &plan.refusal {
        return format!("<p class=no>Refused: {}{left_out}</p>", escape(&refusal.to_string()));
    }
    let task = plan.task.as_ref().map_or_else(String::new, |task| format!("task {task}, "));
    let mut html = format!("<p>{}model {}", escape(&task), escape(&plan.model));
    if let Some(mismatch) = plan.told_mismatch() {
        let _ = write!(html, "; {}", escape(&mismatch));
    }
    let _ = write!(
        html,
        "{left_out}</p><div class=wide><table><tr><th scope=col>step<th scope=col>action\
         <th scope=col>bound to, in frame {}</tr>",
        escape(&plan.frame_id)
    );
    for step in &plan.steps {
        let _ = write!(html, "<tr><td>{}<td>{}<td>", step.id, escape(&step.summary()));
        for argument in &step.arguments {
            let name = escape(&argument.name);
            let _ = match &argument.grounding {
                Grounding::Grounded { object_id, position_m: [x, y, z], confidence } => write!(
                    html,
                    "{name} = object {} at ({x:.2}, {y:.2}, {z:.2}) m, confidence \
                     {confidence:.2}<br>",
                    object_id.0
                ),
                Grounding::Ungrounded { reason } => {
                    let reason = escape(reason);
                    write!(html, "<span class=no>{name}: not bound, {reason}</span><br>")
                }
            };
        }
        html.push_str("</tr>");
    }
    html.push_str("</table></div>");
    html
}

/// All objects, also those whose names find no room in the picture.
fn objects_section(objects: &[MapObject]) -> String {
    if objects.is_empty() {
        return String::new();
    }
    let rows = objects.iter().map(|object| {
        let ([x, y, z], [dx, dy, dz]) = (object.position_m, object.size_m);
        [
            object.id.0.to_string(),
            object.label.clone(),
            format!("({x:.2}, {y:.2}, {z:.2})"),
            format!("{dx:.2} × {dy:.2} × {dz:.2}"),
            format!("{:.2}", object.confidence),
            object.observations.to_string(),
        ]
    });
    let head = ["object", "name", "centre, m", "size, m", "confidence", "times seen"];
    let count = objects.len();
    format!("<details><summary>Objects: {count}</summary>{}</details>", table(head, rows))
}

/// What was recorded: the topics that were read, and those that were not.
fn topics_section(topics: &[TopicRow]) -> String {
    if topics.is_empty() {
        return String::new();
    }
    let cells = |topic: &TopicRow| {
        let messages = topic.messages.map_or("unknown".to_owned(), |count| count.to_string());
        let rate = topic.rate_hz.map_or("—".to_owned(), |rate_hz| format!("{rate_hz:.1}"));
        [topic.used_as.clone(), topic.name.clone(), topic.type_name.clone(), messages, rate]
    };
    let (read, left): (Vec<_>, Vec<_>) = topics.iter().partition(|topic| !topic.used_as.is_empty());
    let head = ["used as", "topic", "type", "messages", "mean rate, Hz"];
    let mut html = format!("<h2>What came in</h2>{}", table(head, read.into_iter().map(cells)));
    if !left.is_empty() {
        let [_, head @ ..] = head;
        let count = left.len();
        let rows = left.into_iter().map(|topic| {
            let [_, rest @ ..] = cells(topic);
            rest
        });
        let table = table(head, rows);
        let _ = write!(
            html,
            "<details><summary>Topics that were not read: {count}</summary>{table}</details>"
        );
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;
    use crate::tasks::fixtures::plan;
    use crate::tasks::{Refusal, ShownObjects};

    fn page<'a>(topdown: &'a RgbImage, plan: Option<&'a Plan>) -> ReportPage<'a> {
        ReportPage {
            source: "a & b",
            notes: &[],
            facts: &[],
            plan,
            topdown,
            objects: &[],
            newest: None,
            masks: None,
            features: None,
            topics: &[],
            dropped: &[],
            frames: &[],
        }
    }

    #[test]
    fn the_goal_cannot_break_out_of_the_page() {
        let saw = Some("i saw a <mug>".into());
        let plan = Plan { saw, ..plan("<script>alert('x')</script>", &[]) };
        let topdown = RgbImage::new(4, 4);
        let page = page(&topdown, Some(&plan));
        let html = page.to_html().unwrap();
        let pictures = |html: &str| html.matches("<img ").count();
        let picture = Some(&topdown);
        let whole = ReportPage { newest: picture, features: picture, masks: picture, ..page };
        assert_eq!((pictures(&html), pictures(&whole.to_html().unwrap())), (1, 4));
        assert!(!html.contains("<script"));
        assert!(html.contains("<p>i saw a &lt;mug&gt;</p>"));
        assert!(html.contains("a &amp; b") && html.contains("data:image/png;base64,"));
    }

    #[test]
    fn the_plan_tells_what_a_terminal_tells() {
        let unnamed = vec!["mug".into(), "shelf".into()];
        let steps = ["PickupObject mug", "PutObject mug shelf"];
        let plan = Plan { unnamed, ..plan("put the cup away", &steps) };
        let html = plan_section(&plan);
        assert!(html.contains("model m; the goal does not name: mug, shelf</p>"), "{html}");
        assert_eq!(html.matches("mug: not bound, there is no map").count(), 2, "{html}");
        let refusal = Some(Refusal::BadGoal { reason: "it is empty".into() });
        let shown = Some(ShownObjects { listed: 2, left_out: 7 });
        let refused = plan_section(&Plan { refusal, shown, steps: Vec::new(), ..plan });
        assert!(refused.contains("Refused: ") && !refused.contains("<table"), "{refused}");
        assert!(refused.contains("; the model read 2 objects; 7 were left out</p>"), "{refused}");
    }

    #[test]
    fn what_came_in_and_what_was_made_of_it_stand_in_tables() {
        let topdown = RgbImage::new(4, 4);
        let row = |used_as: &str, name: &str, rate_hz: Option<f64>| TopicRow {
            used_as: used_as.into(),
            name: name.into(),
            type_name: "tf2_msgs/msg/TFMessage".into(),
            messages: rate_hz.map(|_| 480),
            rate_hz,
        };
        let topics = [row("tf", "/tf", Some(20.0)), row("", "/tf_old", None)];
        let objects = [object(7, "mug", [1.0, -2.0, 0.5], 0.1)];
        let page = ReportPage { topics: &topics, objects: &objects, ..page(&topdown, None) };
        let html = page.to_html().unwrap();
        for part in [
            "<td>tf<td>/tf<td>tf2_msgs/msg/TFMessage<td>480<td>20.0",
            "Topics that were not read: 1",
            "<td>/tf_old<td>tf2_msgs/msg/TFMessage<td>unknown<td>—",
            "<td>7<td>mug<td>(1.00, -2.00, 0.50)<td>0.10 × 0.10 × 0.10<td>0.75<td>1",
            "<th scope=col>slowest, ms",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
