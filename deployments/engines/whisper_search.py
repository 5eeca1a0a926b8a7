"""Search for the likeliest text: beam search, greedy search and sampling over any decoder that goes step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deployments.engines.whisper_rules import Logits, TokenRules

WIDTH = 4.0  # hypotheses this much less likely than the best one, by the logarithm, are given up
N_SAMPLES = 5  # of which the likeliest is taken


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`longest`: how many tokens a text may have, with those that were given; `no_repeat`: how many in a row may not
    come twice, 0 for no limit.
    """

    longest: int
    no_repeat: int = 0


Step = Callable[[Sequence[int], Sequence[int]], Logits]
"""From the rows to go on with and a token for each to the logits (n_rows, n_tokens) of what follows."""


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """Tokens with those that were given, without the end of text; `score` is the log-probability of the others."""

    tokens: tuple[int, ...]
    n_given: int
    score: float = 0.0

    @property
    def mean(self) -> float:
        """The score per token that was written, of which the end of text is one."""
        return self.score / (len(self.tokens) - self.n_given + 1)

    def and_then(self, token: int, score: float, *, end: int) -> Hypothesis:
        """Return the hypothesis with another token, whose sum is `score`."""
        return replace(self, tokens=self.tokens if token == end else (*self.tokens, token), score=score)


def search(
    step: Step,
    first: Logits,
    given: Sequence[int],
    rules: TokenRules,
    limits: Limits,
    *,
    n_beams: int,
) -> Hypothesis:
    """Return the hypothesis with the best mean of log-probabilities.

    `first` are the logits (n_tokens,) behind `given`, which the answer begins with. As many hypotheses as there are
    beams are brought to an end (Graves 2012, without a length bonus); those far behind the best that goes on are given
    up, and all of them when the best cannot win any more.
    """
    alive = [Hypothesis(tokens=tuple(given), n_given=len(given))]
    logits = first[None]
    done: list[Hypothesis] = []
    while True:
        ranked = _extensions(alive, logits, rules, n=2 * n_beams, no_repeat=limits.no_repeat)
        if len(alive[0].tokens) + 1 >= limits.longest:
            done += [longer for longer, *_ in ranked[:n_beams]]
            break
        done += [ended for ended, _, token in ranked[:n_beams] if token == rules.end]
        if len(done) >= n_beams:
            break
        going_on = [one for one in ranked if one[2] != rules.end]
        kept = [one for one in going_on if one[0].score > going_on[0][0].score - WIDTH][:n_beams]
        alive = [longer for longer, *_ in kept]
        if not alive or (done and _is_beaten(alive[0], max(done, key=_mean))):
            break
        logits = step([row for _, row, _ in kept], [token for *_, token in kept])
    return max(done, key=_mean)


def sample(
    step: Step,
    first: Logits,
    given: Sequence[int],
    rules: TokenRules,
    limits: Limits,
    *,
    temperature: float,
    seed: int = 0,
) -> Hypothesis:
    """Return the likeliest of several hypotheses whose tokens are drawn at random, at a temperature above 0."""
    chance = np.random.default_rng(seed)
    alive = [(0, Hypothesis(tokens=tuple(given), n_given=len(given)))] * N_SAMPLES  # with the row that it goes on from
    logits = first[None]
    done: list[Hypothesis] = []
    while alive:
        going_on: list[tuple[int, Hypothesis]] = []
        for row, hypothesis in alive:
            likely = rules.log_probabilities(logits[row], hypothesis.tokens, no_repeat=limits.no_repeat)
            token = _draw(likely, temperature, chance)
            longer = hypothesis.and_then(token, hypothesis.score + float(likely[token]), end=rules.end)
            if token == rules.end or len(longer.tokens) >= limits.longest:
                done.append(longer)
            else:
                going_on.append((row, longer))
        if going_on:
            logits = step([row for row, _ in going_on], [hypothesis.tokens[-1] for _, hypothesis in going_on])
        alive = [(row, hypothesis) for row, (_, hypothesis) in enumerate(going_on)]
    return max(done, key=_mean)


def _mean(hypothesis: Hypothesis) -> float:
    return hypothesis.mean


def _is_beaten(alive: Hypothesis, done: Hypothesis) -> bool:
    """Tell whether going on is hopeless. The score alone does not say so: a text loses some with every token, and one
    that stopped early has lost little.
    """
    return alive.score < done.score - WIDTH and alive.mean < done.mean


def _extensions(
    alive: Sequence[Hypothesis], logits: Logits, rules: TokenRules, *, n: int, no_repeat: int
) -> list[tuple[Hypothesis, int, int]]:
    """Return the `n` best by score: hypotheses, the row that each goes on from, and its new token."""
    found: list[tuple[float, int, int]] = []
    for row, (hypothesis, scores) in enumerate(zip(alive, logits, strict=True)):
        likely = rules.log_probabilities(scores, hypothesis.tokens, no_repeat=no_repeat)
        found += [(hypothesis.score + float(likely[token]), row, int(token)) for token in _best(likely, n)]
    best = sorted(found, reverse=True)[:n]
    return [(alive[row].and_then(token, score, end=rules.end), row, token) for score, row, token in best]


def _best(likely: Logits, n: int) -> npt.NDArray[np.int64]:
    """Return the places of the `n` largest values, or fewer where fewer are finite, in no order."""
    n = min(n, len(likely))
    for margin in (6.0, 12.0):  # most are far below, and sorting all takes as long as half the decoder
        near = np.flatnonzero(likely > likely.max() - margin)
        if len(near) >= n:
            return near[np.argsort(likely[near])[-n:]]
    places = np.argpartition(likely, -n)[-n:]
    return places[np.isfinite(likely[places])]


def _draw(likely: Logits, temperature: float, chance: np.random.Generator) -> int:
    weights = np.cumsum(np.exp((likely - likely.max()) / temperature, dtype=np.float64))
    return int(np.searchsorted(weights, chance.random() * weights[-1], side="right"))
