//! A vision transformer from pixels to tokens, whatever its tensors are called.

use candle_core::{Device, Module, Tensor};
use candle_nn::{Conv2d, Conv2dConfig};

use super::VisionError;
use super::checkpoint::Checkpoint;
use super::norm::LayerNorm;
use super::resample::{Filter, antialiased, dense, four_neighbours};
use super::transformer::{Block, too_many};
use super::vit_config::{NAME, PositionFilter, VitConfig};
use super::vit_names::VitNames;

/// What the last block gives to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastBlock {
    /// A mixture of all tokens' values, as it was trained.
    Attends,
    /// Its own value only; see [`Block::value_path`].
    KeepsPlaces,
}

/// A pre-norm vision transformer.
#[derive(Debug)]
pub(super) struct Tower {
    config: VitConfig,
    patches: Conv2d,
    /// `(1, 1, width)`.
    class_token: Option<Tensor>,
    /// `(1, registers, width)`.
    registers: Option<Tensor>,
    /// `(1, class token + patches, width)`.
    positions: Tensor,
    pre_norm: Option<LayerNorm>,
    blocks: Vec<Block>,
    post_norm: LayerNorm,
}

impl Tower {
    /// Loads the tower whose tensors begin with `prefix`.
    pub fn load(
        config: &VitConfig,
        names: &VitNames,
        prefix: &str,
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let (width, patch) = (config.width, config.patch_px);
        let named = |part: &str| format!("{prefix}{part}");
        let stride = Conv2dConfig { stride: patch, ..Conv2dConfig::default() };
        let weight =
            from.tensor(&named(&format!("{}.weight", names.patches)), &[width, 3, patch, patch])?;
        let bias = match config.patch_bias {
            true => Some(from.tensor(&named(&format!("{}.bias", names.patches)), &[width])?),
            false => None,
        };
        let class_token = match (config.class_token, names.class_rank) {
            (false, _) => None,
            (true, 1) => {
                Some(from.tensor(&named(names.class_token), &[width])?.reshape((1, 1, width))?)
            }
            (true, _) => Some(from.tensor(&named(names.class_token), &[1, 1, width])?),
        };
        let registers = match config.registers {
            0 => None,
            count => Some(from.tensor(&named(names.registers), &[1, count, width])?),
        };
        let count = config.grid() * config.grid() + usize::from(config.class_token);
        let positions = match names.positions_rank {
            2 => from.tensor(&named(names.positions), &[count, width])?.unsqueeze(0)?,
            _ => from.tensor(&named(names.positions), &[1, count, width])?,
        };
        let pre_norm = match config.pre_norm {
            true => Some(from.norm(&named(names.pre_norm), width, config.epsilon)?),
            false => None,
        };
        let block = config.block();
        let blocks = (0..config.depth)
            .map(|index| {
                let prefix = named(&format!("{}.{index}", names.blocks));
                Block::load(&block, names.block, &prefix, from)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            config: config.clone(),
            patches: Conv2d::new(weight, bias, stride),
            class_token,
            registers,
            positions,
            pre_norm,
            blocks,
            post_norm: from.norm(&named(names.post_norm), width, config.epsilon)?,
        })
    }

    /// The sizes.
    pub fn config(&self) -> &VitConfig {
        &self.config
    }

    /// Where its tensors live.
    pub fn device(&self) -> &Device {
        self.positions.device()
    }

    /// Refuses an edge of pictures with which even square ones have too many patches for attention.
    pub fn check_edge(&self, edge_px: usize) -> Result<(), String> {
        let patch = self.config.patch_px;
        let cells = (edge_px.saturating_add(patch / 2) / patch).max(1);
        let tokens = cells.saturating_mul(cells).saturating_add(self.config.leading());
        too_many(tokens, self.config.heads).map_or(Ok(()), Err)
    }

    /// All tokens behind the last norm, `(batch, tokens, width)`, of `pixels` of shape `(batch, 3,
    /// height, width)`, both edges of which are multiples of the patch. The class token, if there
    /// is one, comes first, then the registers, then the patches, row by row.
    ///
    /// # Errors
    ///
    /// When the patches are so many that attention among them would fill the memory.
    pub fn forward(&self, pixels: &Tensor, last: LastBlock) -> Result<Tensor, VisionError> {
        let (_, _, height, width) = pixels.dims4()?;
        let patch = self.config.patch_px;
        let tokens = (height / patch) * (width / patch) + self.config.leading();
        if let Some(reason) = too_many(tokens, self.config.heads) {
            let (width, height, extractor) = (width as u32, height as u32, NAME.to_owned());
            return Err(VisionError::BadImage { extractor, width, height, reason });
        }
        let mut x = self.embed(pixels)?;
        if let Some((end, blocks)) = self.blocks.split_last() {
            for block in blocks {
                x = block.forward(&x, None)?;
            }
            x = match last {
                LastBlock::Attends => end.forward(&x, None)?,
                LastBlock::KeepsPlaces => end.value_path(&x)?,
            };
        }
        Ok(self.post_norm.forward(&x)?)
    }

    /// The tokens of the patches among those that [`Tower::forward`] gives.
    pub fn patches_of(&self, tokens: &Tensor) -> Result<Tensor, candle_core::Error> {
        let first = self.config.leading();
        tokens.narrow(1, first, tokens.dim(1)? - first)
    }

    fn embed(&self, pixels: &Tensor) -> Result<Tensor, candle_core::Error> {
        let batch = pixels.dim(0)?;
        let patches = self.patches.forward(pixels)?;
        let (_, width, rows, columns) = patches.dims4()?;
        let patches = patches.flatten_from(2)?.transpose(1, 2)?;
        let tokens = match &self.class_token {
            Some(token) => Tensor::cat(&[&token.broadcast_as((batch, 1, width))?, &patches], 1)?,
            None => patches.contiguous()?,
        };
        let mut x = tokens.broadcast_add(&self.positions_for(rows, columns)?)?;
        if let Some(registers) = &self.registers {
            let registers = registers.broadcast_as((batch, self.config.registers, width))?;
            let first = usize::from(self.config.class_token);
            let patches = x.narrow(1, first, x.dim(1)? - first)?;
            x = Tensor::cat(&[&x.narrow(1, 0, first)?, &registers, &patches], 1)?;
        }
        match &self.pre_norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        }
    }

    /// Positions for a grid of other sides than the one it was trained with.
    fn positions_for(&self, rows: usize, columns: usize) -> Result<Tensor, candle_core::Error> {
        let (grid, width) = (self.config.grid(), self.config.width);
        if (rows, columns) == (grid, grid) {
            return Ok(self.positions.clone());
        }
        let matrix = |output: usize| {
            let taps = match self.config.positions {
                PositionFilter::FourNeighbours => four_neighbours(grid, output),
                PositionFilter::Antialiased => antialiased(Filter::Bicubic, grid, output),
            };
            Tensor::from_vec(dense(&taps, grid), (output, grid), self.device())
        };
        let first = usize::from(self.config.class_token);
        let places = self.positions.narrow(1, first, grid * grid)?;
        let down = matrix(rows)?.matmul(&places.reshape((grid, grid * width))?)?;
        let down = down.reshape((rows, grid, width))?.transpose(0, 1)?.contiguous()?;
        let both = matrix(columns)?.matmul(&down.reshape((grid, rows * width))?)?;
        let both = both.reshape((columns, rows, width))?.transpose(0, 1)?.contiguous()?;
        let both = both.reshape((1, rows * columns, width))?;
        Tensor::cat(&[&self.positions.narrow(1, 0, first)?, &both], 1)
    }
}
