"""Tokens a second of llama.cpp, by llama-cpp-python.

Usage: llama_cpp.py MODEL.gguf PROMPT_TOKENS NEW_TOKENS THREADS
Prints one line of JSON.
"""

import json
import statistics
import sys
import time

import llama_cpp

REPEATS = 3


def main():
    path, prompt, new, threads = sys.argv[1], *map(int, sys.argv[2:6])
    llama = llama_cpp.Llama(
        model_path=path,
        n_ctx=prompt + new,
        n_batch=512,
        n_threads=threads,
        n_threads_batch=threads,
        n_gpu_layers=0,
        verbose=False,
    )
    tokens = [300 + 7 * i % 1000 for i in range(prompt + new)]
    prefill_s, decode_s = [], []
    for repeat in range(REPEATS + 1):
        llama.reset()
        begin = time.perf_counter()
        llama.eval(tokens[:prompt])
        middle = time.perf_counter()
        for token in tokens[prompt:]:
            llama.eval([token])
        end = time.perf_counter()
        # The first round only warms up.
        if repeat > 0:
            prefill_s.append(middle - begin)
            decode_s.append(end - middle)
    print(
        json.dumps(
            {
                "program": f"llama.cpp (llama-cpp-python {llama_cpp.__version__})",
                "prefill_per_s": prompt / statistics.median(prefill_s),
                "decode_per_s": new / statistics.median(decode_s),
                "threads": threads,
            }
        )
    )


main()
