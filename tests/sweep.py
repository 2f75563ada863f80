"""Sweeps over many points of attack: a sample by the run's seed in `make test`, APPCENTER_SAMPLES=N times as many, or all
of them with APPCENTER_TORTURE=1.

One seed a run; pytest's last lines name it, and APPCENTER_SEED repeats the samples. What each sweep met goes to the
file that APPCENTER_TALLY names; `make torture` ends with its sums.
"""
import itertools
import os
import random

SEED = int(os.environ.get("APPCENTER_SEED") or random.SystemRandom().randrange(1, 1_000_000))
SAMPLES = int(os.environ.get("APPCENTER_SAMPLES") or 1)
TORTURE = os.environ.get("APPCENTER_TORTURE") == "1"


def chance(name):
    """Random numbers of this run for one purpose, whatever other tests draw."""
    return random.Random(f"{SEED}/{name}")


def _drawn(points, sample, rng, kind):
    kinds = {}
    for point in rng.sample(points, len(points)):
        kinds.setdefault(kind(point), []).append(point)
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*kinds.values()))
    return list(itertools.islice((point for point in in_turn if point is not None), sample))


class Sweep:
    """for point in sweep: with sweep.at(point): ...; then sweep.end(), which fails with all that was broken."""

    def __init__(self, suite, name, points, sample, kind=None):
        """kind(point): every kind gets its share of the sample, however few points are of it."""
        self.suite, self.name, self.broken, self.count = suite, name, [], 0
        points = list(points)
        assert points, f"{suite} {name}: a sweep over nothing"
        sample *= SAMPLES
        self.points = points if TORTURE or sample >= len(points) else _drawn(points, sample, chance(name), kind or (lambda _: 0))

    def __iter__(self):
        return iter(self.points)

    def at(self, point):
        return _Point(self, point)

    def end(self):
        if tally := os.environ.get("APPCENTER_TALLY"):
            node = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
            with open(tally, "a", encoding="utf-8") as out:
                out.write(f"{self.suite} {self.count} {len(self.broken)} {node}\n")
        assert self.count == len(self.points), f"{self.name}: {self.count} of {len(self.points)} points were tried"
        assert not self.broken, (f"{self.name}: {len(self.broken)} of {self.count} points are broken (seed {SEED})\n"
                                 + "\n".join(self.broken))


class _Point:
    def __init__(self, sweep, point):
        self.sweep, self.point = sweep, point

    def __enter__(self):
        self.sweep.count += 1

    def __exit__(self, kind, error, trace):
        if error is None or not isinstance(error, Exception):
            return False
        line = trace
        while line.tb_next:
            line = line.tb_next
        self.sweep.broken.append(f"{self.point}: {type(error).__name__} in {line.tb_frame.f_code.co_name}: {error}")
        return True
