//! The report page: one self-contained HTML file with the plan, the map from above and the timings.

use super::ReportError;
use super::frames::timings_svg;
use crate::planner::FrameRecord;
use crate::tasks::{Grounding, Plan};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use std::fmt::Write;
use std::io::Cursor;
use std::path::PathBuf;

pub(super) const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;\
padding:0 1rem;color:#222}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.3rem .5rem;\
text-align:left;vertical-align:top}th{background:#f4f4f2}img,svg{max-width:100%;height:auto}\
.no{color:#a11}.note{background:#fff8e0;padding:.6rem .8rem;border-left:3px solid #d9a400}";

/// What the page shows.
pub struct ReportPage<'a> {
    /// Name of what was replayed.
    pub source: &'a str,
    /// What a reader must know before trusting the plan, a paragraph each.
    pub notes: &'a [String],
    /// Facts in two columns.
    pub facts: &'a [(String, String)],
    /// The plan, if a goal was set.
    pub plan: Option<&'a Plan>,
    /// The map from above.
    pub topdown: &'a RgbImage,
    /// The same in the colours of its features, if it has any.
    pub features: Option<&'a RgbImage>,
    /// What a detector found in a picture, if there was one.
    pub masks: Option<&'a RgbImage>,
    /// All frames.
    pub frames: &'a [FrameRecord],
    /// What was dropped and why, with counts.
    pub dropped: &'a [(String, usize)],
}

impl ReportPage<'_> {
    /// The page as HTML text.
    pub fn to_html(&self) -> Result<String, ReportError> {
        let mut html = format!(
            "<!doctype html><html lang=en><meta charset=utf-8>\
             <meta name=viewport content='width=device-width'><title>scenellm: {source}</title>\
             <style>{STYLE}</style><h1>scenellm: {source}</h1>",
            source = escape(self.source)
        );
        for note in self.notes {
            let _ = write!(html, "<p class=note>{}</p>", escape(note));
        }
        if let Some(plan) = self.plan {
            if let Some(saw) = &plan.saw {
                let _ = write!(html, "<p>{}</p>", escape(saw));
            }
            html.push_str(&plan_section(plan));
        }
        html.push_str("<h2>Map from above</h2>");
        html.push_str(&img("map from above with path and plan", self.topdown)?);
        if let Some(features) = self.features {
            html.push_str("<h2>Features of the map</h2>");
            html.push_str(&img("map from above in the colours of its features", features)?);
        }
        if let Some(masks) = self.masks {
            html.push_str("<h2>Found by words</h2>");
            html.push_str(&img("a picture and the masks of what was found in it", masks)?);
        }
        html.push_str("<h2>Facts</h2>");
        html.push_str(&table(&["", ""], self.facts.iter().map(|(k, v)| [k.as_str(), v.as_str()])));
        let _ = write!(html, "<h2>Timings</h2>{}", timings_svg(self.frames)?);
        if !self.dropped.is_empty() {
            html.push_str("<h2>Not used</h2>");
            let rows: Vec<_> =
                self.dropped.iter().map(|(why, n)| [why.clone(), n.to_string()]).collect();
            html.push_str(&table(
                &["reason", "times"],
                rows.iter().map(|[why, n]| [why.as_str(), n.as_str()]),
            ));
        }
        html.push_str("</html>\n");
        Ok(html)
    }
}

/// A picture that stands in the page itself.
fn img(alt: &str, picture: &RgbImage) -> Result<String, ReportError> {
    let mut png = Cursor::new(Vec::new());
    picture
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(|source| ReportError::Encode { path: PathBuf::from("report.html"), source })?;
    let data = STANDARD.encode(png.into_inner());
    Ok(format!("<img alt='{alt}' src='data:image/png;base64,{data}'>"))
}

pub(super) fn plan_section(plan: &Plan) -> String {
    let mut html = format!("<h2>Plan: {}</h2>", escape(&plan.goal));
    if let Some(refusal) = &plan.refusal {
        let _ = write!(html, "<p class=no>Refused: {}</p>", escape(&refusal.to_string()));
    }
    html.push_str("<table><tr><th>step<th>action<th>bound to</tr>");
    for step in &plan.steps {
        let _ = write!(html, "<tr><td>{}<td>{}<td>", step.id, escape(&step.summary()));
        for argument in &step.arguments {
            match &argument.grounding {
                Grounding::Grounded { object_id, position_m: [x, y, z], confidence } => {
                    let _ = write!(
                        html,
                        "{} = object {} at ({x:.2}, {y:.2}, {z:.2}) m, confidence \
                         {confidence:.2}<br>",
                        escape(&argument.name),
                        object_id.0
                    );
                }
                Grounding::Ungrounded { reason } => {
                    let _ = write!(
                        html,
                        "<span class=no>{}: {}</span><br>",
                        escape(&argument.name),
                        escape(reason)
                    );
                }
            }
        }
        html.push_str("</tr>");
    }
    html.push_str("</table>");
    html
}

pub(super) fn table<'a>(head: &[&str; 2], rows: impl Iterator<Item = [&'a str; 2]>) -> String {
    let mut html = String::from("<table>");
    if head.iter().any(|name| !name.is_empty()) {
        let _ = write!(html, "<tr><th>{}<th>{}</tr>", escape(head[0]), escape(head[1]));
    }
    for [left, right] in rows {
        let _ = write!(html, "<tr><td>{}<td>{}</tr>", escape(left), escape(right));
    }
    html.push_str("</table>");
    html
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::fixtures::plan;

    #[test]
    fn the_goal_cannot_break_out_of_the_page() {
        let saw = Some("i saw a <mug>".into());
        let plan = Plan { saw, ..plan("<script>alert('x')</script>", &[]) };
        let topdown = RgbImage::new(4, 4);
        let page = ReportPage {
            source: "a & b",
            notes: &[],
            facts: &[],
            plan: Some(&plan),
            topdown: &topdown,
            features: None,
            masks: None,
            frames: &[],
            dropped: &[],
        };
        let html = page.to_html().unwrap();
        let pictures = |html: &str| html.matches("<img ").count();
        let picture = Some(&topdown);
        let whole = ReportPage { features: picture, masks: picture, ..page }.to_html().unwrap();
        assert_eq!((pictures(&html), pictures(&whole)), (1, 3));
        assert!(!html.contains("<script"));
        assert!(html.contains("<p>i saw a &lt;mug&gt;</p>"));
        assert!(html.contains("a &amp; b") && html.contains("data:image/png;base64,"));
    }
}
