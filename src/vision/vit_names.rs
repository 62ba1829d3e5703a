//! What the tensors of a vision transformer are called, checkpoint by checkpoint.

use super::transformer::{BlockNames, QkvNames};

/// Names of one family of checkpoints. A prefix may stand before all of them.
#[derive(Debug)]
pub(super) struct VitNames {
    /// The convolution that makes patches.
    pub patches: &'static str,
    pub class_token: &'static str,
    /// Dimensions of the class token: 1, or 3 of which two are 1.
    pub class_rank: usize,
    pub registers: &'static str,
    pub positions: &'static str,
    /// Dimensions of the positions: 2, or 3 of which one is 1.
    pub positions_rank: usize,
    pub pre_norm: &'static str,
    pub post_norm: &'static str,
    /// What stands before the numbers of the blocks.
    pub blocks: &'static str,
    pub block: &'static BlockNames,
}

/// timm's plain ViT, and with it the published files of DeiT and DINO.
pub(super) static TIMM: VitNames = VitNames {
    patches: "patch_embed.proj",
    class_token: "cls_token",
    class_rank: 3,
    registers: "register_tokens",
    positions: "pos_embed",
    positions_rank: 3,
    pre_norm: "norm_pre",
    post_norm: "norm",
    blocks: "blocks",
    block: &BlockNames {
        norm1: "norm1",
        qkv: QkvNames::Joined("attn.qkv."),
        out: "attn.proj",
        norm2: "norm2",
        fc1: "mlp.fc1",
        fc2: "mlp.fc2",
        gated_in: "mlp.w12",
        gated_out: "mlp.w3",
        scale1: "ls1.gamma",
        scale2: "ls2.gamma",
    },
};

/// Hugging Face's `ViTModel`: google/vit and facebook/dino.
pub(super) static HF_VIT: VitNames = VitNames {
    patches: "embeddings.patch_embeddings.projection",
    class_token: "embeddings.cls_token",
    class_rank: 3,
    registers: "embeddings.register_tokens",
    positions: "embeddings.position_embeddings",
    positions_rank: 3,
    pre_norm: "",
    post_norm: "layernorm",
    blocks: "encoder.layer",
    block: &BlockNames {
        norm1: "layernorm_before",
        qkv: HF_ATTENTION,
        out: "attention.output.dense",
        norm2: "layernorm_after",
        fc1: "intermediate.dense",
        fc2: "output.dense",
        gated_in: "",
        gated_out: "",
        scale1: "",
        scale2: "",
    },
};

const HF_ATTENTION: QkvNames = QkvNames::Separate([
    "attention.attention.query",
    "attention.attention.key",
    "attention.attention.value",
]);

/// Hugging Face's `Dinov2Model` and `Dinov2WithRegistersModel`.
pub(super) static HF_DINOV2: VitNames = VitNames {
    block: &BlockNames {
        norm1: "norm1",
        qkv: HF_ATTENTION,
        out: "attention.output.dense",
        norm2: "norm2",
        fc1: "mlp.fc1",
        fc2: "mlp.fc2",
        gated_in: "mlp.weights_in",
        gated_out: "mlp.weights_out",
        scale1: "layer_scale1.lambda1",
        scale2: "layer_scale2.lambda1",
    },
    ..HF_VIT
};

/// Hugging Face's `CLIPModel`. The misspelling is theirs.
pub(super) static HF_CLIP: VitNames = VitNames {
    patches: "embeddings.patch_embedding",
    class_token: "embeddings.class_embedding",
    class_rank: 1,
    registers: "",
    positions: "embeddings.position_embedding.weight",
    positions_rank: 2,
    pre_norm: "pre_layrnorm",
    post_norm: "post_layernorm",
    blocks: "encoder.layers",
    block: &BlockNames {
        norm1: "layer_norm1",
        qkv: QkvNames::Separate(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
        out: "self_attn.out_proj",
        norm2: "layer_norm2",
        fc1: "mlp.fc1",
        fc2: "mlp.fc2",
        gated_in: "",
        gated_out: "",
        scale1: "",
        scale2: "",
    },
};

/// open_clip's own files.
pub(super) static OPEN_CLIP: VitNames = VitNames {
    patches: "conv1",
    class_token: "class_embedding",
    class_rank: 1,
    registers: "",
    positions: "positional_embedding",
    positions_rank: 2,
    pre_norm: "ln_pre",
    post_norm: "ln_post",
    blocks: "transformer.resblocks",
    block: &BlockNames {
        norm1: "ln_1",
        qkv: QkvNames::Joined("attn.in_proj_"),
        out: "attn.out_proj",
        norm2: "ln_2",
        fc1: "mlp.c_fc",
        fc2: "mlp.c_proj",
        gated_in: "",
        gated_out: "",
        scale1: "ls_1.gamma",
        scale2: "ls_2.gamma",
    },
};
