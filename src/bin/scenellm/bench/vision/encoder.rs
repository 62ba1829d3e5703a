//! The encoders that are measured, and the public models that they come as.

use anyhow::Context;
use clap::ValueEnum;
use scenellm::vision::{CatalogueEntry, catalogue};

/// The one SAM of the catalogue that has another picture tower.
const MOBILE_SAM: &str = "mobile-sam";

/// A kind of encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Encoder {
    /// Features of patches.
    Dinov2,
    /// Features of patches.
    Dino,
    /// Features of patches.
    Vit,
    /// Patches in the space of texts; a text.
    Clip,
    /// The same as LAION made it.
    Openclip,
    /// A picture; the masks that a point may mean.
    Sam,
    /// The same with a smaller tower.
    MobileSam,
    /// Boxes of what is named.
    GroundingDino,
}

impl Encoder {
    /// What the command line and the peer call it; of extractors, what the library does.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dinov2 => "dinov2",
            Self::Dino => "dino",
            Self::Vit => "vit",
            Self::Clip => "clip",
            Self::Openclip => "openclip",
            Self::Sam => "sam",
            Self::MobileSam => "mobile_sam",
            Self::GroundingDino => "grounding_dino",
        }
    }

    /// Whether texts can be compared with its features.
    pub fn reads_texts(self) -> bool {
        matches!(self, Self::Clip | Self::Openclip)
    }

    /// The tokenizer that fits beside random weights, in the folder of fixtures; `None` where no
    /// words are read. A vocabulary may be smaller than the table of its vectors.
    pub fn tokenizer(self) -> Option<&'static str> {
        match self {
            Self::Clip | Self::Openclip => Some("clip_tiny/tokenizer.json"),
            Self::GroundingDino => Some("grounding_dino_tiny/tokenizer.json"),
            _ => None,
        }
    }

    /// The public model called `size`, or the first of its kind in the catalogue.
    ///
    /// # Errors
    ///
    /// When there is none; those that there are are named.
    pub fn public(self, size: Option<&str>) -> anyhow::Result<String> {
        let known = catalogue()?.into_iter().filter(|entry| self.comes_as(entry));
        let names: Vec<String> = known.map(|entry| entry.name).collect();
        let found = match size {
            Some(size) => names.iter().find(|name| name.as_str() == size),
            None => names.first(),
        };
        let known = || format!("--size: of {} there are {}", self.name(), names.join(", "));
        found.cloned().with_context(known)
    }

    fn comes_as(self, entry: &CatalogueEntry) -> bool {
        match self {
            Self::Sam => entry.kind == "sam" && entry.name != MOBILE_SAM,
            Self::MobileSam => entry.name == MOBILE_SAM,
            Self::GroundingDino => entry.kind == "grounding-dino",
            _ => entry.kind == self.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_encoder_comes_as_a_public_model_whose_tensors_are_known() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vision");
        for encoder in Encoder::value_variants() {
            let shown = encoder.to_possible_value().unwrap();
            assert_eq!(shown.get_name(), encoder.name());
            let model = encoder.public(None).unwrap();
            assert!(fixtures.join("public").join(&model).join("shapes.txt").exists(), "{model}");
            let tokenizer = encoder.tokenizer().map(|path| fixtures.join(path));
            assert!(tokenizer.is_none_or(|path| path.exists()), "{encoder:?}");
            assert_eq!(encoder.public(Some(&model)).unwrap(), model);
        }
        assert_eq!(Encoder::Clip.public(None).unwrap(), "clip-vit-base-patch32");
        let error = Encoder::Sam.public(Some("mobile-sam")).unwrap_err().to_string();
        assert!(error.contains("sam-vit-base, sam-vit-large, sam-vit-huge"), "{error}");
    }
}
