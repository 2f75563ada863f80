"""The corpus's modules are found, and the run's last lines tell the cost of the dearest archive."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def pytest_terminal_summary(terminalreporter):
    from gauntlet import COSTS
    if COSTS.runs:
        terminalreporter.write_line(f"attack corpus: {COSTS.text()}")
