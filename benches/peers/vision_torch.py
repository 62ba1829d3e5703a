"""An encoder of pictures by PyTorch: that of transformers, or MobileSAM's own code.

Usage: vision_torch.py JOB.json
The job names the encoder, the folder with its weights, the picture, what is asked for, and how often
each step is measured. What step N gives goes to N.f32 in the folder of outputs, 32-bit floats. Prints
one line of JSON: median seconds of each step, or which package is missing.
"""

import importlib
import json
import pathlib
import statistics
import sys
import time

import numpy
import torch
from PIL import Image

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 2}
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
}


def processor(job, usual):
    """How pictures are prepared: what the folder says, and `usual` for the rest."""
    path = pathlib.Path(job["weights"]) / "preprocessor_config.json"
    said = json.loads(path.read_text()) if path.exists() else {}
    return {**usual, **{key: value for key, value in said.items() if value is not None}}


def pixels(picture, width, height, how):
    scaled = picture.resize((width, height), Image.Resampling(how["resample"]))
    values = numpy.asarray(scaled, dtype=numpy.float32) / 255.0
    mean, deviation = (numpy.float32(how[key]) for key in ("image_mean", "image_std"))
    return torch.from_numpy((values - mean) / deviation).permute(2, 0, 1)[None].contiguous()


def load(kind, job):
    """A model of transformers, all of whose tensors stand in the folder but for a head of no use."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model, told = getattr(transformers, kind).from_pretrained(
        job["weights"], dtype=torch.float32, output_loading_info=True
    )
    missing = [name for name in told["missing_keys"] if "pooler." not in name]
    if missing or told["mismatched_keys"]:
        sys.exit(f"the weights do not fit {kind}: {missing[:3]} {told['mismatched_keys']}")
    return model.eval()


def whole(picture, job, patch, how):
    """The picture as large as its grid of patches."""
    rows, columns = job["grid"]
    return pixels(picture, columns * patch, rows * patch, how)


def plain(picture, job):
    """ViT, DINO and DINOv2: outputs of the patches."""
    model, how = load("AutoModel", job), processor(job, IMAGENET)
    first = 1 + getattr(model.config, "num_register_tokens", 0)
    # DINOv2 takes pictures of any size without being told.
    wide = {"interpolate_pos_encoding": True} if model.config.model_type == "vit" else {}

    def look():
        x = whole(picture, job, model.config.patch_size, how)
        return model(pixel_values=x, **wide).last_hidden_state[:, first:]

    return [look]


class OwnValue(torch.nn.Module):
    """In place of attention: every patch keeps its own value (MaskCLIP)."""

    def __init__(self, attention):
        super().__init__()
        self.value, self.out = attention.v_proj, attention.out_proj

    def forward(self, hidden_states, **_):
        return self.out(self.value(hidden_states)), None


def clip(picture, job):
    """Patches in the space of texts, and a text."""
    model, how = load("CLIPModel", job), processor(job, CLIP)
    vision, patch = model.vision_model, model.config.vision_config.patch_size
    last = vision.encoder.layers[-1]
    last.self_attn = OwnValue(last.self_attn)
    tokens = torch.tensor([job["tokens"]])

    def unit(x):
        return x / x.norm(dim=-1, keepdim=True)

    def look():
        x = vision(whole(picture, job, patch, how), interpolate_pos_encoding=True).last_hidden_state
        return unit(model.visual_projection(vision.post_layernorm(x)[:, 1:]))

    def read():
        # The last token has read the whole text.
        last = model.text_model(input_ids=tokens).last_hidden_state[:, -1]
        return unit(model.text_projection(last))

    return [look, read]


def longest_edge(picture, edge):
    scale = edge / max(picture.size)
    return [int(side * scale + 0.5) for side in picture.size]


def padded(picture, edge, how):
    """As SAM sees it: the longer edge scaled, zeros below or right of it."""
    width, height = longest_edge(picture, edge)
    x = pixels(picture, width, height, how)
    return torch.nn.functional.pad(x, (0, edge - width, 0, edge - height))


def best_first(masks, quality, picture, edge):
    """Numbers of the masks by their quality; the masks as large as the picture are made as well."""
    width, height = longest_edge(picture, edge)
    scale = lambda x, size: torch.nn.functional.interpolate(x, size, mode="bilinear")
    large = scale(scale(masks, (edge, edge))[..., :height, :width], picture.size[::-1])
    assert (large > 0.0).shape[1] == quality.shape[1]
    return masks[0, quality[0].argsort(descending=True)]


def sam(picture, job):
    """The picture, and the masks that a point may mean."""
    model, how = load("SamModel", job), processor(job, IMAGENET)
    edge, seen = model.config.vision_config.image_size, {}

    def look():
        seen["picture"] = model.get_image_embeddings(padded(picture, edge, how))

    def segment():
        width, height = longest_edge(picture, edge)
        x, y = job["point_px"]
        at = [x * width / picture.width, y * height / picture.height]
        out = model(
            image_embeddings=seen["picture"],
            input_points=torch.tensor([[[at]]]),
            input_labels=torch.tensor([[[1]]]),
            multimask_output=True,
        )
        return best_first(out.pred_masks[:, 0], out.iou_scores[:, 0], picture, edge)

    return [look, segment]


def mobile_sam(picture, job):
    """The same by MobileSAM's authors."""
    from mobile_sam import SamPredictor, sam_model_registry
    from safetensors.torch import load_file

    path = pathlib.Path(job["weights"])
    if path.is_dir():
        path = next(iter([*path.glob("*.safetensors"), *path.glob("*.pt")]))
    read = load_file if path.suffix == ".safetensors" else torch.load
    model = sam_model_registry["vit_t"]()
    missing, _ = model.load_state_dict(read(path), strict=False)
    # Counters that only training needs, and numbers that are made from sizes.
    buffers = ("num_batches_tracked", "attention_bias_idxs", "pixel_mean", "pixel_std")
    missing = [name for name in missing if not name.endswith(buffers)]
    if missing:
        sys.exit(f"the weights do not fit MobileSAM: {missing[:3]}")
    # Leaving the training gathers the biases of attention anew.
    model.train().eval()
    predictor, edge, values = SamPredictor(model), 1024, numpy.asarray(picture)

    def look():
        predictor.set_image(values)

    def segment():
        _, quality, masks = predictor.predict(
            numpy.array([job["point_px"]]), numpy.array([1]), multimask_output=True
        )
        return torch.from_numpy(masks[numpy.argsort(-quality)].copy())

    return [look, segment]


def shortest_edge(picture, how):
    """Width and height: the shorter edge as is asked for, or less where the longer one were too long."""
    edge, most = how["size"]["shortest_edge"], how["size"]["longest_edge"]
    short, long = min(picture.size), max(picture.size)
    if long / short * edge > most:
        edge = most * short / long
    sides = sorted((round(edge), int(edge * long / short)))
    return sides if picture.width < picture.height else sides[::-1]


def grounding_dino(picture, job):
    """Boxes of what is named: how sure, and edges as shares of the picture, each column sorted."""
    import tokenizers

    usual = {**IMAGENET, "size": {"shortest_edge": 800, "longest_edge": 1333}}
    model, how = load("GroundingDinoForObjectDetection", job), processor(job, usual)
    path = pathlib.Path(job["weights"]) / "tokenizer.json"
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    mark = tokenizer.token_to_id
    words = [tokenizer.encode(name, add_special_tokens=False).ids for name in job["names"]]
    tokens = [mark("[CLS]"), *(token for name in words for token in [*name, mark(".")]), mark("[SEP]")]
    inputs = {
        "input_ids": torch.tensor([tokens]),
        "token_type_ids": torch.zeros(1, len(tokens), dtype=torch.long),
        "attention_mask": torch.ones(1, len(tokens), dtype=torch.long),
    }

    def look():
        x = pixels(picture, *shortest_edge(picture, how), how)
        out = model(pixel_values=x, **inputs)
        scores = out.logits[0].sigmoid().max(-1).values
        across, down, width, height = out.pred_boxes[0].unbind(-1)
        columns = [
            scores,
            across - 0.5 * width,
            down - 0.5 * height,
            across + 0.5 * width,
            down + 0.5 * height,
        ]
        return torch.stack([column.sort().values for column in columns])

    return [look]


# Which package an encoder is of, and what makes its steps.
ENCODERS = {
    "vit": ("transformers", plain),
    "dino": ("transformers", plain),
    "dinov2": ("transformers", plain),
    "clip": ("transformers", clip),
    "openclip": ("transformers", clip),
    "sam": ("transformers", sam),
    "mobile_sam": ("mobile_sam", mobile_sam),
    "grounding_dino": ("transformers", grounding_dino),
}


def measured(step, rounds, output):
    """Median seconds of a step, whose numbers are written down."""
    seconds = []
    for repeat in range(rounds + 1):
        begin = time.perf_counter()
        given = step()
        values = None if given is None else given.float().contiguous().numpy()
        # The first round only warms up.
        if repeat > 0:
            seconds.append(time.perf_counter() - begin)
    if values is not None:
        values.tofile(output)
    return statistics.median(seconds)


def main():
    job = json.loads(pathlib.Path(sys.argv[1]).read_text())
    package, steps = ENCODERS[job["encoder"]]
    try:
        package = importlib.import_module(package)
    except ImportError as error:
        print(json.dumps({"no_peer": f"{package}: {error}"}))
        return
    torch.set_num_threads(job["threads"])
    picture = Image.open(job["picture"]).convert("RGB")
    program = f"PyTorch {torch.__version__}, {package.__name__}"
    program = f"{program} {getattr(package, '__version__', '')}".strip()
    with torch.inference_mode():
        steps = steps(picture, job)
        outputs = [pathlib.Path(job["outputs"]) / f"{index}.f32" for index in range(len(steps))]
        seconds = [measured(*one) for one in zip(steps, job["rounds"], outputs, strict=True)]
    print(json.dumps({"program": program, "seconds": seconds}))


main()
