"""The corpus's own options: a seed that is printed, and the cost of the dearest archive."""
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

SEED = int(os.environ.get("APPCENTER_SEED") or random.SystemRandom().randrange(1 << 32))
TORTURE = os.environ.get("APPCENTER_TORTURE") == "1"


def pytest_terminal_summary(terminalreporter):
    from gauntlet import COSTS
    if COSTS.runs:
        how = "all of it" if TORTURE else f"sampled by APPCENTER_SEED={SEED}"
        terminalreporter.write_line(f"attack corpus, {how}: {COSTS.text()}")
