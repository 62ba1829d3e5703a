"""The weights of models/nano: a weighted mean of models of one line of descent.

    python mean.py OUT WEIGHT=FOLDER [WEIGHT=FOLDER ...]

The last folder gives everything but the numbers. A later model of the line has more tokens, and a projector,
that an earlier one lacks: what a model lacks is the mean of the others. (Wortsman et al., "Robust
fine-tuning of zero-shot models", CVPR 2022.)
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


def mean(tensors, weights):
    """Row by row over the tensors that have the row."""
    rows = max(len(tensor) for tensor in tensors)
    total = np.zeros((rows,) + tensors[-1].shape[1:], np.float64)
    shares = np.zeros((rows,) + (1,) * (total.ndim - 1), np.float64)
    for tensor, weight in zip(tensors, weights):
        total[: len(tensor)] += weight * tensor.astype(np.float64)
        shares[: len(tensor)] += weight
    return (total / shares).astype(tensors[-1].dtype)


def main(out, *parts):
    weights, folders = zip(*((float(part.split("=", 1)[0]), Path(part.split("=", 1)[1])) for part in parts))
    shutil.copytree(folders[-1], out, ignore=shutil.ignore_patterns("checkpoint", "log"))
    for name in ("model.safetensors", "projector.safetensors"):
        models = [(weight, load_file(folder / name)) for weight, folder in zip(weights, folders) if (folder / name).exists()]
        names = models[-1][1].keys()
        averaged = {
            key: mean([tensors[key] for _, tensors in models], [weight for weight, _ in models]) for key in names
        }
        save_file(averaged, Path(out) / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
