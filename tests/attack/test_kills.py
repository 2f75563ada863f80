"""SIGKILL of the job, of the daemon, and of both, at every line of progress: before and behind each do and each undo.

A moment is a line and whether the victim dies at it (the work behind the line has just begun) or at the very end of
what comes behind it (it waits to write its next line). Old or new runs afterwards, whole, and is said to.
"""
import itertools
from dataclasses import dataclass, field

import box as boxes
import gate as gates
import pytest
from box import NEW, OLD
from sweep import TORTURE, Sweep

STAGE = ("SPACE", "FETCH", "VERIFY", "UNPACK", "READY")
SWITCH = ("STOP", "SWAP", "DATA", "SETUP", "START", "HEALTH")
WITHOUT_UNDO = ("SPACE", "VERIFY", "READY", "HEALTH")
PHOTO = ("PhotoStation",)


@dataclass
class Walk:
    """A change, its steps, and the line at which a cancel makes it go all the way back."""
    name: str
    template: str
    command: tuple
    worlds: dict
    steps: tuple
    cancel: tuple
    apps: tuple = boxes.GROUP
    undone: tuple = field(default=())

    def lines(self, phase):
        steps = self.undone if phase == "undo" else (*self.steps, "KEEP")
        return [(phase, app, step, when) for step in steps for app in self.apps for when in ("begin", "end")]


def undo_of(steps):
    return tuple(step for step in steps if step not in WITHOUT_UNDO)


WALKS = {walk.name: walk for walk in (
    Walk("install", "bare", ("install", "PhotoStation"), {"old": {}, "new": NEW}, STAGE + SWITCH,
         ("do", "PhotoStation", "HEALTH", "begin"), undone=undo_of(STAGE + SWITCH)),
    Walk("upgrade", "old", ("upgrade",), {"old": OLD, "new": NEW}, STAGE + SWITCH,
         ("do", "PhotoStation", "HEALTH", "begin"), undone=undo_of(STAGE + SWITCH)),
    Walk("remove", "old", ("remove", "MediaLibrary", "--cascade"), {"old": OLD, "new": {}},
         ("READY", "STOP", "SWAP", "SETUP"), ("do", "MediaLibrary", "SETUP", "begin"), undone=("STOP", "SWAP")),
    Walk("rollback", "new", ("rollback", "PhotoStation"),
         {"old": NEW, "new": {**NEW, "PhotoStation": OLD["PhotoStation"]}},
         ("UNPACK", "READY", *SWITCH), ("do", "PhotoStation", "HEALTH", "begin"), apps=PHOTO,
         undone=undo_of(("UNPACK", *SWITCH))),
)}


def moments(walk, phase):
    """Every line: the job dies at it; each victim dies at the end of what comes behind it."""
    for line in walk.lines(phase):
        yield (line, "at once", "job")
        for victim in ("job", "daemon", "both"):
            yield (line, "settled", victim)


@pytest.fixture(scope="module")
def stock(tmp_path_factory, session):
    made = boxes.Stock(tmp_path_factory.mktemp("kills"), session)
    yield made
    made.close()


NUMBERS = itertools.count(1)


def kill_at(stock, walk, line, when, victim):
    """What was then: the box, judged; its world, the newest transaction, the command's exit code and words."""
    folder = stock.base / f"p{next(NUMBERS)}"
    with boxes.Box(stock, walk.template, walk.worlds, folder) as box:
        stops = [gates.Stop(gates.at(*line), when == "settled")]
        if line[0] == "undo":
            stops.insert(0, gates.Stop(gates.at(*walk.cancel), False, act=lambda pid: gates.kill(pid, 15)))
        box.gate.hold_at(*stops)
        box.ask(*walk.command)
        pid = box.gate.wait()
        if victim in ("daemon", "both"):
            box.kill_daemon()
        if victim in ("job", "both"):
            gates.kill(pid)
            boxes.judges.wait_until_dead(pid)
        box.gate.release()
        if victim in ("daemon", "both"):
            box.nas.start()
        world = box.verdict()
        code, words = box.answer()
        return world, boxes.judges.newest(box.nas), code, words


def expected_worlds(walk, line, when, victim):
    """A job that lives goes on to its end; one that died goes back, unless it died behind the commit."""
    phase, app, step, edge = line
    last = (walk.steps[-1], walk.apps[-1] if walk.steps[-1] != "STOP" else walk.apps[0])
    if phase == "undo":
        return {"old"}
    if victim == "daemon" or step == "KEEP":
        return {"new"}
    if (step, app) == last and edge == "end":
        return {"new"} if when == "settled" else {"old", "new"}  # the commit lies between this line and the next
    return {"old"}


def judge_words(world, newest, code, words, victim, phase):
    """History and the command's exit code say what is so."""
    results = {"new": {"done"}, "old": {"rolled_back"} if victim != "daemon" else {"cancelled"}}
    assert newest["result"] in results[world], f"history: {newest}"
    if world == "old" and victim != "daemon":
        assert "interrupted" in newest["error"]["message"], f"history: {newest}"
    assert (code in (0, 11)) == (world == "new"), f"exit {code} in world {world}:\n{words}"
    if victim == "daemon":
        assert code == (0 if world == "new" else 1), f"the job was never harmed: exit {code}\n{words}"
    assert world == "new" or "undone" in words or "rolled back" in words or "cancelled" in words, words


@pytest.mark.parametrize("phase", ("do", "undo"))
@pytest.mark.parametrize("name", WALKS)
def test_old_or_new_whatever_is_killed(stock, name, phase):
    walk = WALKS[name]
    sweep = Sweep("kills", f"{name}-{phase}", moments(walk, phase), sample=2)
    for line, when, victim in sweep:
        with sweep.at((line, when, victim)):
            world, newest, code, words = kill_at(stock, walk, line, when, victim)
            assert world in expected_worlds(walk, line, when, victim), f"world {world}: {newest}\n{words}"
            judge_words(world, newest, code, words, victim, phase)
    sweep.end()
