//! The page of an episode: what the robot saw, did and planned, in the order in which it happened.

use super::ReportError;
use super::page::{STYLE, escape, plan_section};
use super::strip::Panel;
use crate::tasks::Plan;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};
use std::fmt::Write;
use std::io::Cursor;
use std::path::PathBuf;

const MORE_STYLE: &str = ".row{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));\
gap:.8rem}figure{margin:0}figure img{width:100%;display:block;border-bottom:4px solid}\
figcaption{font-size:.85rem;padding:.25rem 0}.yes{color:#174}ul{list-style:none;padding:0}";
/// Quality of the pictures in the page.
const JPEG_QUALITY: u8 = 85;

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
    /// The parts, in order.
    pub chapters: &'a [Chapter],
    /// What was to hold in the end, and whether it does.
    pub outcome: &'a [(String, bool)],
}

impl StoryPage<'_> {
    /// The page as HTML text, pictures and all.
    ///
    /// # Errors
    ///
    /// When a picture cannot be encoded.
    pub fn to_html(&self) -> Result<String, ReportError> {
        let title = escape(self.title);
        let mut html = format!(
            "<!doctype html><html lang=en><meta charset=utf-8>\
             <meta name=viewport content='width=device-width'><title>{title}</title>\
             <style>{STYLE}{MORE_STYLE}</style><h1>{title}</h1>"
        );
        for note in self.notes {
            let _ = write!(html, "<p class=note>{}</p>", escape(note));
        }
        for chapter in self.chapters {
            chapter_html(chapter, &mut html)?;
        }
        html.push_str("<h2>In the end</h2><ul>");
        for (what, holds) in self.outcome {
            let (class, mark) = if *holds { ("yes", "✓") } else { ("no", "✗") };
            let _ = write!(html, "<li class={class}>{mark} {}", escape(what));
        }
        html.push_str("</ul></html>\n");
        Ok(html)
    }
}

fn chapter_html(chapter: &Chapter, html: &mut String) -> Result<(), ReportError> {
    let _ = write!(html, "<h2>{}</h2>", escape(&chapter.title));
    for told in &chapter.told {
        let _ = write!(html, "<p>{}</p>", escape(told));
    }
    if let Some(map) = &chapter.map {
        let mut png = Cursor::new(Vec::new());
        map.write_to(&mut png, ImageFormat::Png).map_err(encode)?;
        let data = STANDARD.encode(png.into_inner());
        let _ = write!(html, "<img alt='the map from above' src='data:image/png;base64,{data}'>");
    }
    if let Some(plan) = &chapter.plan {
        html.push_str(&plan_section(plan));
    }
    html.push_str("<div class=row>");
    for panel in &chapter.panels {
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY);
        encoder.encode_image(&panel.image).map_err(encode)?;
        let _ = write!(
            html,
            "<figure><img style='border-color:{}' alt='' src='data:image/jpeg;base64,{}'>\
             <figcaption>{}</figcaption></figure>",
            panel.tone.css(),
            STANDARD.encode(jpeg),
            escape(&panel.caption)
        );
    }
    html.push_str("</div>");
    Ok(())
}

fn encode(source: image::ImageError) -> ReportError {
    ReportError::Encode { path: PathBuf::from("the page of an episode"), source }
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
            chapters: &[chapter],
            outcome: &[("a mug is cold".into(), true), ("a mug is there".into(), false)],
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
    }
}
