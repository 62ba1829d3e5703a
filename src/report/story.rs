//! The page of an episode: what the robot saw, did and planned, in the order in which it happened.

use super::ReportError;
use super::html::{drawing, escape, head, photograph};
use super::page::plan_section;
use super::strip::Panel;
use crate::tasks::Plan;
use image::RgbImage;
use std::fmt::Write;

/// One part of the story.
#[derive(Debug, Clone, Default)]
pub struct Chapter {
    /// Its title.
    pub title: String,
    /// What is told, a paragraph each.
    pub told: Vec<String>,
    /// What was planned.
    pub plan: Option<Plan>,
    /// The map from above.
    pub map: Option<RgbImage>,
    /// What was seen.
    pub panels: Vec<Panel>,
}

/// What the page shows.
pub struct StoryPage<'a> {
    /// Its title.
    pub title: &'a str,
    /// What a reader must know before trusting it, a paragraph each.
    pub notes: &'a [String],
    /// How it ended, in a sentence.
    pub ending: &'a str,
    /// What was to hold in the end, and whether it does.
    pub outcome: &'a [(String, bool)],
    /// The parts, in order.
    pub chapters: &'a [Chapter],
}

impl StoryPage<'_> {
    /// The page as HTML text, pictures and all.
    ///
    /// # Errors
    ///
    /// When a picture cannot be encoded.
    pub fn to_html(&self) -> Result<String, ReportError> {
        let mut html = head(self.title, self.notes);
        let _ = write!(html, "<h2>In the end</h2><p>{}</p><ul>", escape(self.ending));
        for (what, holds) in self.outcome {
            let (class, mark) = if *holds { ("yes", "✓") } else { ("no", "✗") };
            let _ = write!(html, "<li class={class}>{mark} {}", escape(what));
        }
        html.push_str("</ul>");
        for chapter in self.chapters {
            chapter_html(chapter, &mut html)?;
        }
        html.push_str("</html>\n");
        Ok(html)
    }
}

fn chapter_html(chapter: &Chapter, html: &mut String) -> Result<(), ReportError> {
    let _ = write!(html, "<h2>{}</h2>", escape(&chapter.title));
    for told in &chapter.told {
        let _ = write!(html, "<p>{}</p>", escape(told));
    }
    if let Some(map) = &chapter.map {
        html.push_str(&drawing("map from above with path, names and plan", map)?);
    }
    if let Some(plan) = &chapter.plan {
        html.push_str(&plan_section(plan));
    }
    html.push_str("<div class=row>");
    for panel in &chapter.panels {
        let _ = write!(
            html,
            "<figure style='border-color:{}'>{}<figcaption>{}</figcaption></figure>",
            panel.tone.css(),
            photograph(&panel.caption, &panel.image)?,
            escape(&panel.caption)
        );
    }
    html.push_str("</div>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::strip::Tone;
    use super::*;

    #[test]
    fn a_story_has_its_pictures_its_plan_and_its_end() {
        let panel =
            Panel { image: RgbImage::new(8, 6), caption: "<b>a door</b>".into(), tone: Tone::Bad };
        let chapter = Chapter {
            title: "Plan 1".into(),
            told: vec!["I saw a mug & a plate".into()],
            map: Some(RgbImage::new(4, 4)),
            panels: vec![panel],
            plan: None,
        };
        let page = StoryPage {
            title: "cool the mug",
            notes: &["it is blind".into()],
            ending: "it gave up after 7 actions",
            outcome: &[("a mug is cold".into(), true), ("a mug is there".into(), false)],
            chapters: &[chapter],
        };
        let html = page.to_html().unwrap();
        for part in [
            "data:image/jpeg;base64,",
            "data:image/png;base64,",
            "I saw a mug &amp; a plate",
            "&lt;b&gt;a door",
            "✓ a mug is cold",
            "✗ a mug is there",
            "it is blind",
        ] {
            assert!(html.contains(part), "{part}");
        }
        let place = |words: &str| html.find(words).unwrap();
        assert!(place("it gave up after 7 actions") < place("Plan 1"), "the end stands first");
    }
}
