"""Dense features of a picture by PyTorch and transformers.

Usage: vision_torch.py make FOLDER
       vision_torch.py run FOLDER ROWS COLUMNS THREADS
The first makes random weights for the config.json in the folder; the second prints one line of JSON:
seconds for a picture of 640×480, scaled to as many rows and columns of patches.
"""

import json
import statistics
import sys
import time

import numpy
import torch
import transformers
from PIL import Image

REPEATS = 5


def make(folder):
    torch.manual_seed(1)
    config = transformers.AutoConfig.from_pretrained(folder)
    transformers.AutoModel.from_config(config).save_pretrained(folder)


def run(folder, rows, columns, threads):
    torch.set_num_threads(threads)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    model = getattr(model, "vision_model", model)
    patch = model.config.patch_size
    rng = numpy.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 256, (480, 640, 3), dtype=numpy.uint8))
    seconds = []
    for repeat in range(REPEATS + 1):
        begin = time.perf_counter()
        scaled = picture.resize((columns * patch, rows * patch), Image.Resampling.BICUBIC)
        pixels = (numpy.asarray(scaled, dtype=numpy.float32) / 255.0 - 0.5) / 0.5
        pixels = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
        with torch.inference_mode():
            model(pixel_values=pixels, interpolate_pos_encoding=True).last_hidden_state.sum().item()
        # The first round only warms up.
        if repeat > 0:
            seconds.append(time.perf_counter() - begin)
    print(
        json.dumps(
            {
                "program": f"PyTorch {torch.__version__}, transformers {transformers.__version__}",
                "picture_s": statistics.median(seconds),
                "threads": threads,
            }
        )
    )


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    run(sys.argv[2], *map(int, sys.argv[3:6]))
