"""Answers jobs: a line of JSON in, a line of JSON out.

A job names a model and has rows of token ids and a prompt; the answer has the mean next-token negative log-likelihood of
each row in nats, and the greedy continuation of the prompt: by the runtime's own loop, token by token with its cache of
keys and values, and without.

A runtime is given as a class that loads a job's model. Its objects have `logits(ids)`: [tokens, vocabulary] in fp32 of a
sequence from its start; and `continuation(token_count)`: room for so many tokens, as a function that takes the next ids of
one sequence and returns the logits behind the last; and `generate(prompt, count)`: the most likely tokens by the
runtime's own loop.
"""

import hashlib
import json
import os
import sys

import numpy as np


def row_nats(logits, ids):
    """Mean of -log softmax(logits)[next token], in float64, of logits [tokens, vocabulary]."""
    wide = logits[:-1].astype(np.float64)
    peak = wide.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(wide - peak).sum(axis=1)) + peak[:, 0]
    return float((log_sum - wide[np.arange(len(ids) - 1), ids[1:]]).mean())


def finite_logits(model, ids):
    logits = np.ascontiguousarray(model.logits(ids), dtype=np.float32)
    if len(logits) != len(ids) or not np.isfinite(logits).all():
        raise RuntimeError(f"{len(ids)} tokens have logits of shape {logits.shape}, or some that are not finite")
    return logits


def greedy(model, prompt, count):
    """The most likely tokens, one after the other, with what the runtime keeps of those before."""
    behind = model.continuation(len(prompt) + count)
    taken, ids = list(prompt), []
    for _ in range(count):
        ids.append(int(np.argmax(behind(taken))))
        taken = ids[-1:]
    return ids


def next_tokens(model, prompt, ids):
    """What the sequence computed in one go puts behind the prompt and each of `ids` but the last: these very `ids`, where
    greedy decoding without a cache gives them."""
    return finite_logits(model, prompt + ids[:-1])[len(prompt) - 1 :].argmax(axis=1).tolist()


def answer(model, job):
    digest = hashlib.sha256()
    nats = []
    for ids in job["rows"]:
        logits = finite_logits(model, ids)
        digest.update(logits.tobytes())
        nats.append(row_nats(logits, ids))
    prompt = job["prompt"]
    count = job["greedyTokens"]
    cached = greedy(model, prompt, count)
    return {
        "rowNats": nats,
        "logitsHash": digest.hexdigest(),
        "generated": model.generate(prompt, count),
        "cached": cached,
        "uncached": next_tokens(model, prompt, cached),
    }


def serve(load):
    """Answers every line of standard input; a job that fails is answered with its error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        job = json.loads(line)
        try:
            reply = answer(load(job), job)
        except Exception as error:  # noqa: BLE001: the test wants to see it
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply, allow_nan=False) + "\n")
        answers.flush()
