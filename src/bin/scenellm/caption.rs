//! `scenellm caption`: what a model that sees pictures says about the frames of a recording.

use crate::dropped::Dropped;
use crate::settings::{Settings, Source, Topics};
use crate::{Outcome, paths};
use anyhow::{Context, bail};
use candle_core::Device;
use clap::Args;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{DynamicImage, RgbImage};
use scenellm::bag::EventError;
use scenellm::model::{ChatBackend, ChatEndpoint, ChatManifest, ChatModel, ModelKind};
use scenellm::sensing::{Assembled, FrameAssembler};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Longest edge of a picture that is sent, pixels.
const MOST_PIXELS: u32 = 1024;
const JPEG_QUALITY: u8 = 90;
/// Longest caption, tokens.
const MOST_TOKENS: usize = 160;
const WORDS: &str = "This is what a household robot sees. Say in two sentences which things are there, of \
                     what colour and state, and where they are to each other. Name only what you see.";

/// Have a vision-language model on a server describe frames of a recording, for `label --captions`.
///
/// The model gets every so many frames as a picture, and what it says is written a line each. The models
/// that run in this process see no pictures: --model names a server's (vLLM, llama.cpp with --mmproj,
/// ollama).
#[derive(Args)]
pub struct Caption {
    /// The recording.
    bag: PathBuf,
    /// Folder of a model on a server, such as config/models/vllm.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The captions to write, one a line.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    out: PathBuf,
    /// One of so many frames of each camera is described.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    every_frames: u32,
    /// What is asked about each picture.
    #[arg(long, default_value = WORDS)]
    words: String,
    #[command(flatten)]
    topics: Topics,
    #[command(flatten)]
    settings: Settings,
}

impl Caption {
    /// Asks and writes. The answer is no when the recording has no frame.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let mut config = self.settings.config()?;
        self.topics.name_in(&mut config);
        let source = Source::open(&self.bag, &config)?;
        let shown = self.model.display();
        let blind = || format!("{shown}: runs here and sees no pictures; a server's model may");
        if ModelKind::of(&self.model)? != ModelKind::Chat
            || ChatManifest::load(&self.model)?.endpoint.is_none()
        {
            bail!(blind());
        }
        let mut model = ChatModel::load(&self.model, &Device::Cpu)?;
        let ChatBackend::Endpoint(endpoint) = model.backend_mut() else { bail!(blind()) };
        let file = File::create(&self.out)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        let mut out = BufWriter::new(file);
        let cameras = source.selections().len();
        let mut assembler = FrameAssembler::of_cameras(config.sensing.clone(), cameras);
        let (mut seen, mut told) = (vec![0; cameras], 0);
        let (bar, start_ns) = source.bar("describing");
        let mut dropped = Dropped::default();
        let mut take = |assembled: Vec<Assembled>| -> anyhow::Result<()> {
            for one in assembled {
                let frame = match one {
                    Assembled::Frame(frame) => frame,
                    Assembled::Dropped { reason, .. } => {
                        dropped.add(reason.to_string(), 1);
                        continue;
                    }
                    Assembled::ClockJumpedBack { .. } => continue,
                };
                let number = &mut seen[frame.camera];
                *number += 1;
                if (*number - 1) % self.every_frames == 0 {
                    writeln!(out, "{}", describe(endpoint, &frame.frame.color, &self.words)?)?;
                    out.flush()?;
                    told += 1;
                }
            }
            Ok(())
        };
        for (log_time_ns, event) in source.events() {
            bar.set_position(((log_time_ns - start_ns) / 1_000_000).max(0) as u64);
            match event {
                Ok(event) => take(assembler.push(event))?,
                Err(EventError::Message(error)) => tracing::warn!("passed over: {error}"),
                Err(EventError::Bag(error)) => {
                    take(assembler.flush())?;
                    tell(&dropped);
                    bail!("{error}\nwhat stands before the damage was described");
                }
            }
        }
        take(assembler.flush())?;
        bar.finish_and_clear();
        let status = assembler.status();
        if let Some(last) = status.last_refused_transform {
            let reason = format!("transforms refused, the last: {last}");
            dropped.add(reason, status.refused_transforms as usize);
        }
        tell(&dropped);
        writeln!(std::io::stdout(), "{told} captions in {}", self.out.display())?;
        Ok(if told > 0 { Outcome::Done } else { Outcome::No })
    }
}

/// Tells what was not described, and why.
fn tell(dropped: &Dropped) {
    for (reason, times) in dropped.reasons() {
        tracing::warn!("{times} not described: {reason}");
    }
}

/// The caption of a picture, in one line.
fn describe(
    endpoint: &mut ChatEndpoint,
    picture: &RgbImage,
    words: &str,
) -> anyhow::Result<String> {
    let (width, height) = picture.dimensions();
    let longest = width.max(height);
    let sent = match longest > MOST_PIXELS {
        false => DynamicImage::from(picture.clone()),
        true => {
            let scaled = |edge: u32| {
                (u64::from(edge) * u64::from(MOST_PIXELS) / u64::from(longest)).max(1) as u32
            };
            resize(picture, scaled(width), scaled(height), FilterType::Triangle).into()
        }
    };
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY).encode_image(&sent)?;
    let said = endpoint.describe(&jpeg, words, MOST_TOKENS)?;
    Ok(said.split_whitespace().collect::<Vec<_>>().join(" "))
}
