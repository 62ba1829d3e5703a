"""Lets a reader of goals (`teacher.py --reader`) tell what nobody asked for in its training: any thing onto or
into any place.

    python models/nano/widen.py FOLDER

A meaning's logit is the sum of those of its parts and a bias of its own. Each part was learnt, so those of a
pair that never came are known as well; only its bias is not. It gets one that lies 2.5 below the median: what
people did ask for stays e^2.5 = 12 times as likely at equal words. Things are put anywhere, one or two of a kind; washed,
heated and cooled are those that were. Needs numpy and safetensors.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

# Below the median of the biases that were learnt.
BIAS_BELOW = 2.5
# Patterns of acts that came with fewer pairs than this are left as they are.
FEWEST_PAIRS = 20
# Places of the parts in a meaning, as `slots` of teacher.py has them.
THING, PLACE, FIRST = 2, 4, 9
ANY_THING = ("pick_and_place_simple", "pick_two_obj_and_place")


def told(row):
    """What is done: a list of words for each act."""
    return [act.split(" ") for act in row["acts"].split("\n")]


def is_plain(row):
    """Whether one kind of thing goes to one place: nothing is carried in another, sliced, or lit."""
    acts = told(row)
    things, names = {act[1] for act in acts}, {act[0] for act in acts}
    places = {act[2] for act in acts if act[0] == "PutObject"}
    return len(things) == len(places) == 1 and not names & {"SliceObject", "ToggleObject"}


def usual(counts):
    return counts.most_common(1)[0][0]


def widened(rows):
    """Meanings that are not among `rows`, made of the parts of those."""
    # A few tasks were posed with one thing and done with another: most tell which part is whose.
    things, places = defaultdict(Counter), defaultdict(Counter)
    patterns = defaultdict(lambda: [set(), 0, None])
    for row in filter(is_plain, rows):
        acts = told(row)
        thing, place = acts[0][1], acts[-1][2]
        things[thing][row["parts"][THING], row["parts"][FIRST]] += 1
        places[place][row["parts"][PLACE]] += 1
        pattern = patterns[row["task"], tuple(act[0] for act in acts)]
        pattern[0].add(thing)
        pattern[1] += 1
        pattern[2] = row["parts"]
    known, new = {row["acts"] for row in rows}, []
    for (task, names), (done_to, pairs, parts) in patterns.items():
        if pairs < FEWEST_PAIRS:
            continue
        for thing in sorted(things if task in ANY_THING else done_to):
            for place in sorted(places.keys() - {thing}):
                acts = "\n".join(
                    f"{name} {thing} {place}" if name == "PutObject" else f"{name} {thing}"
                    for name in names
                )
                if acts in known:
                    continue
                row = list(parts)
                row[THING], row[FIRST] = usual(things[thing])
                row[PLACE] = usual(places[place])
                new.append({"task": task, "acts": acts, "parts": row})
    return new


def main():
    folder = Path(sys.argv[1])
    rows = json.loads((folder / "meanings.json").read_text())
    new = widened(rows)
    weights = load_file(folder / "model.safetensors")
    bias = weights["bias"]
    below = np.float32(np.median(bias.astype(np.float32)) - BIAS_BELOW)
    weights["bias"] = np.concatenate([bias, np.full(len(new), below, dtype=bias.dtype)])
    save_file(weights, folder / "model.safetensors")
    lines = ",\n".join(json.dumps(row) for row in rows + new)
    (folder / "meanings.json").write_text(f"[{lines}]\n")
    print(f"{len(rows)} meanings, and {len(new)} that nobody asked for")


if __name__ == "__main__":
    main()
