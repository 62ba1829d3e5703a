//! What pages are made of: their style, tables, pictures that stand in the page itself.

use super::ReportError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageError, ImageFormat, RgbImage};
use std::fmt::Write;
use std::io::Cursor;
use std::path::PathBuf;

/// Light or dark, as the reader has it. What is wider than a narrow window moves sideways in it.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#222;--paper:#fff;--dim:#595959;--line:#ddd;--head:#f4f4f2;\
--no:#a11;--yes:#174;--note:#fff8e0}\
@media screen and (prefers-color-scheme:dark){:root{--ink:#e4e4e4;--paper:#17191d;--dim:#a8a8a8;\
--line:#3a3d42;--head:#24272c;--no:#ff8a80;--yes:#7fd6a0;--note:#332b12}}\
body{font:15px/1.5 system-ui,sans-serif;max-width:1480px;margin:2rem auto;padding:0 1rem;\
color:var(--ink);background:var(--paper)}\
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem}\
p,ul{max-width:80ch}ul{list-style:none;padding:0}\
.no{color:var(--no)}.yes{color:var(--yes)}\
.note{background:var(--note);padding:.6rem .8rem;border-left:3px solid #d9a400}\
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.8rem;max-width:1100px}\
dt{color:var(--dim);font-size:.85rem}dd{margin:0;font-weight:600}\
.wide{overflow-x:auto}\
table{border-collapse:collapse;width:100%;max-width:1100px;font-variant-numeric:tabular-nums}\
td,th{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top}\
th{background:var(--head);white-space:nowrap}details td{white-space:nowrap}\
summary{cursor:pointer;margin:.6rem 0}\
img,svg{max-width:100%;height:auto}\
figure{margin:0}figcaption{font-size:.85rem;padding:.25rem 0}\
.photos{display:flex;flex-wrap:wrap;gap:1rem}.photos figure{max-width:640px}\
.row{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:.8rem;margin-top:1rem}\
.row img{width:100%;display:block;border-bottom:4px solid;border-color:inherit}\
@media screen and (max-width:720px){.wide img,.wide svg{max-width:none}}\
@media print{body{max-width:none;margin:0;font-size:12px}h2{break-after:avoid}\
tr,figure,img,svg{break-inside:avoid}td{overflow-wrap:anywhere;white-space:normal}}";
/// Quality of photographs.
const JPEG_QUALITY: u8 = 85;

/// The beginning of a page: its title, and what a reader must know before trusting the rest, a
/// paragraph each.
pub(super) fn head(title: &str, notes: &[String]) -> String {
    let title = escape(title);
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content='width=device-width,initial-scale=1'><title>{title}</title>\
         <style>{STYLE}</style><h1>{title}</h1>"
    );
    for note in notes {
        let _ = write!(html, "<p class=note>{}</p>", escape(note));
    }
    html
}

/// A table of texts.
pub(super) fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut html = String::from("<div class=wide><table><tr>");
    for name in head {
        let _ = write!(html, "<th scope=col>{}", escape(name));
    }
    html.push_str("</tr>");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            let _ = write!(html, "<td>{}", escape(&cell));
        }
        html.push_str("</tr>");
    }
    html.push_str("</table></div>");
    html
}

/// What is drawn, without loss.
pub(super) fn drawing(alt: &str, picture: &RgbImage) -> Result<String, ReportError> {
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).map_err(encode)?;
    Ok(format!("<div class=wide>{}</div>", img(alt, "png", &png.into_inner())))
}

/// What a camera saw.
pub(super) fn photograph(alt: &str, picture: &RgbImage) -> Result<String, ReportError> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY).encode_image(picture).map_err(encode)?;
    Ok(img(alt, "jpeg", &jpeg))
}

fn img(alt: &str, format: &str, bytes: &[u8]) -> String {
    let data = STANDARD.encode(bytes);
    format!("<img alt='{}' src='data:image/{format};base64,{data}'>", escape(alt))
}

fn encode(source: ImageError) -> ReportError {
    ReportError::Encode { path: PathBuf::from("of a page"), source }
}

/// A text as it stands in a page, in attributes too.
pub(super) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_its_place() {
        assert_eq!(escape("<b>&\"'"), "&lt;b&gt;&amp;&quot;&#39;");
        let picture = RgbImage::new(2, 2);
        let drawn = drawing("the map's <top>", &picture).unwrap();
        assert!(drawn.contains("alt='the map&#39;s &lt;top&gt;' src='data:image/png;base64,"));
        assert!(photograph("", &picture).unwrap().contains("src='data:image/jpeg;base64,"));
        let cells = table(["a & b"], [["<i>".to_owned()]]);
        assert!(cells.contains("<th scope=col>a &amp; b") && cells.contains("<td>&lt;i&gt;"));
    }
}
