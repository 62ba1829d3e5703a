//! The colour of a thing in a word, where it has one.

use crate::sim::Entity;

/// Least share of a thing's surface that its main colour must have.
const MAIN_SHARE: f32 = 0.6;

/// The colours that are told apart.
pub const COLORS: [&str; 10] =
    ["black", "white", "gray", "brown", "red", "orange", "yellow", "green", "blue", "purple"];

/// The colour of most of an entity's surface; `None` where it has several, or one between two
/// words.
pub fn color_word(entity: &Entity) -> Option<&'static str> {
    let mut areas: Vec<([f32; 3], f32)> = Vec::new();
    for part in &entity.parts {
        let [x, y, z]: [f32; 3] = part.shape.half_m().into();
        let area = x * y + y * z + z * x;
        match areas.iter_mut().find(|(rgb, _)| *rgb == part.material.rgb) {
            Some((_, sum)) => *sum += area,
            None => areas.push((part.material.rgb, area)),
        }
    }
    let total: f32 = areas.iter().map(|(_, area)| area).sum();
    let (rgb, area) = areas.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    if area < MAIN_SHARE * total { None } else { word_of(rgb) }
}

/// The word for a colour that is well within what the word means.
fn word_of([r, g, b]: [f32; 3]) -> Option<&'static str> {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = high - low;
    let saturation = if high > 0.0 { chroma / high } else { 0.0 };
    if high < 0.2 {
        return Some("black");
    }
    if saturation < 0.1 {
        return match high {
            value if value > 0.86 => Some("white"),
            value if (0.3..0.78).contains(&value) => Some("gray"),
            _ => None,
        };
    }
    if saturation < 0.3 {
        return None;
    }
    let sector = if high == r {
        (g - b) / chroma
    } else if high == g {
        2.0 + (b - r) / chroma
    } else {
        4.0 + (r - g) / chroma
    };
    let hue_deg = (60.0 * sector).rem_euclid(360.0);
    match hue_deg {
        hue if !(12.0..=345.0).contains(&hue) => (high > 0.45).then_some("red"),
        hue if hue < 44.0 && high < 0.64 => Some("brown"),
        hue if (18.0..36.0).contains(&hue) && saturation > 0.6 && high > 0.75 => Some("orange"),
        hue if (42.0..64.0).contains(&hue) && high > 0.7 => Some("yellow"),
        hue if (75.0..165.0).contains(&hue) => Some("green"),
        hue if (190.0..246.0).contains(&hue) => Some("blue"),
        hue if (252.0..310.0).contains(&hue) => Some("purple"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Home, HomeKind};
    use std::collections::BTreeSet;

    #[test]
    fn colours_have_the_words_people_use() {
        for (rgb, word) in [
            ([0.92, 0.92, 0.90], Some("white")),
            ([0.80, 0.16, 0.14], Some("red")),
            ([0.16, 0.35, 0.66], Some("blue")),
            ([0.95, 0.76, 0.22], Some("yellow")),
            ([0.22, 0.55, 0.42], Some("green")),
            ([0.90, 0.50, 0.20], Some("orange")),
            ([0.35, 0.30, 0.48], Some("purple")),
            ([0.42, 0.27, 0.17], Some("brown")),
            ([0.09, 0.09, 0.10], Some("black")),
            ([0.50, 0.51, 0.52], Some("gray")),
            // Between two words.
            ([0.80, 0.82, 0.80], None),
            ([0.30, 0.60, 0.62], None),
            ([0.86, 0.66, 0.48], None),
        ] {
            assert_eq!(word_of(rgb), word, "{rgb:?}");
        }
    }

    #[test]
    fn the_things_of_homes_have_many_colours() {
        let homes = (0..20).map(|seed| Home::generate(HomeKind::Kitchen, seed));
        let words: BTreeSet<_> =
            homes.flat_map(|home| home.entities).filter_map(|e| color_word(&e)).collect();
        assert!(words.len() >= 7, "{words:?}");
        assert!(words.iter().all(|word| COLORS.contains(word)));
    }
}
