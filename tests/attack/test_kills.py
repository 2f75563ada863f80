"""SIGKILL of the job, of the daemon, and of both, at every line of progress: before and behind each do and each undo.

A moment is a line, and whether the victim dies right at it, in the work behind it, or at the end of that work, when the
job is about to write its next line. Old or new runs afterwards, whole, and history, status and
the waiting command say which.
"""
import signal
from dataclasses import dataclass, field

import box as boxes
import gate as gates
import pytest
from box import NEW, OLD
from sweep import Sweep, chance

STAGE = ("SPACE", "FETCH", "VERIFY", "UNPACK", "READY")
SWITCH = ("STOP", "SWAP", "DATA", "SETUP", "START", "HEALTH")
ALL = STAGE + SWITCH
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
    Walk("install", "bare", ("install", "PhotoStation"), {"old": {}, "new": NEW}, ALL,
         ("do", "PhotoStation", "HEALTH", "begin"), undone=undo_of(ALL)),
    Walk("upgrade", "old", ("upgrade",), {"old": OLD, "new": NEW}, ALL,
         ("do", "PhotoStation", "HEALTH", "begin"), undone=undo_of(ALL)),
    Walk("remove", "old", ("remove", "MediaLibrary", "--cascade"), {"old": OLD, "new": {}},
         ("READY", "STOP", "SWAP", "SETUP"), ("do", "MediaLibrary", "SETUP", "begin"), undone=("STOP", "SWAP")),
    Walk("rollback", "new", ("rollback", "PhotoStation"),
         {"old": NEW, "new": {**NEW, "PhotoStation": OLD["PhotoStation"]}},
         ("UNPACK", "READY", *SWITCH), ("do", "PhotoStation", "HEALTH", "begin"), apps=PHOTO,
         undone=undo_of(("UNPACK", *SWITCH))),
)}


def moments(walk, phase):
    """Every line: the job dies at it and in the work behind it; at that work's end each victim dies."""
    for line in walk.lines(phase):
        yield (line, gates.AT, "job")
        yield (line, gates.MIDWAY, "job")
        for victim in ("job", "daemon", "both"):
            yield (line, gates.END, victim)


def starts_of_new(box, walk):
    """How often the version that is to come has started here."""
    log = box.nas.app_dir("PhotoStation") / "logs/starts.log"
    version = walk.worlds["new"].get("PhotoStation", "none")
    return sum(f"PhotoStation {version} " in line for line in log.read_text().splitlines()) if log.exists() else 0


def kill_at(stock, walk, line, where, victim):
    """What was then: its world by the judge, the newest transaction, the command's exit code and words."""
    with stock.box(walk.template, walk.worlds) as box:
        before = starts_of_new(box, walk)
        delay = chance(f"{walk.name}{line}").uniform(0, 0.005)
        stops = [gates.Stop(gates.at(*line), where, delay=delay)]
        if line[0] == "undo":
            stops.insert(0, gates.Stop(gates.at(*walk.cancel), act=lambda pid: gates.kill(pid, signal.SIGTERM)))
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
        if world == "old" and line[0] == "do" and line[2] in ALL[:ALL.index("START")]:
            assert starts_of_new(box, walk) == before, "apps were started before recovery had put the old world back"
        code, words = box.answer()
        return world, boxes.judges.newest(box.nas), code, words


def expected_worlds(walk, line, where, victim):
    """A job that lives goes on to its end; one that died goes back, unless it died behind the commit."""
    phase, app, step, edge = line
    last = (walk.steps[-1], walk.apps[-1] if walk.steps[-1] != "STOP" else walk.apps[0])
    if phase == "undo":
        return {"old"}
    if victim == "daemon" or step == "KEEP":
        return {"new"}
    if (step, app) == last and edge == "end":
        # the commit lies between this line and the next
        return {gates.AT: {"old"}, gates.MIDWAY: {"old", "new"}, gates.END: {"new"}}[where]
    return {"old"}


def judge_words(world, newest, code, words, line, victim):
    """History and the command's exit code say what is so."""
    if world == "new":
        assert newest["result"] == "done", f"history: {newest}"
        assert code == 0 or (code == 11 and victim != "daemon"), f"exit {code} in the new world:\n{words}"
        return
    is_through = line[0] == "undo" and line[3] == "end"  # behind the last undo it was over, and had said so
    interrupted = newest["result"] == "rolled_back" and "interrupted" in newest["error"]["message"]
    cancelled = newest["result"] == "cancelled" and newest["error"]["code"] == "cancelled"
    if victim == "daemon":
        assert cancelled, f"the job was never harmed: {newest}"
    else:
        assert interrupted or (cancelled and is_through), f"history: {newest}"
    assert code == 1, f"exit {code} in the old world:\n{words}"
    assert any(word in words for word in ("undone", "cancelled", "rolled back")), f"what became of it?\n{words}"


@pytest.mark.parametrize("phase", ("do", "undo"))
@pytest.mark.parametrize("name", WALKS)
def test_old_or_new_whatever_is_killed(stock, name, phase):
    walk = WALKS[name]
    sweep = Sweep("kills", f"{name}-{phase}", moments(walk, phase), sample=2)
    for line, where, victim in sweep:
        with sweep.at((line, where, victim)):
            world, newest, code, words = kill_at(stock, walk, line, where, victim)
            assert world in expected_worlds(walk, line, where, victim), f"world {world}: {newest}\n{words}"
            judge_words(world, newest, code, words, line, victim)
    sweep.end()


def test_what_comes_between_the_carry_back_and_the_exchange_back_is_kept(stock):
    """No app runs then; a file that comes over the network lands in the live folder all the same."""
    walk = WALKS["upgrade"]
    with stock.box(walk.template, walk.worlds) as box:
        late = box.nas.app_dir("PhotoStation") / "late.txt"
        box.gate.hold_at(gates.Stop(gates.at(*walk.cancel), act=lambda pid: gates.kill(pid, signal.SIGTERM)),
                         gates.Stop(gates.at("undo", "PhotoStation", "SWAP", "begin")))
        box.ask(*walk.command)
        box.gate.wait()
        late.write_bytes(b"over SMB")
        box.judge.owns("PhotoStation", late.name, b"over SMB")
        box.gate.release()
        assert box.verdict() == "old"
        assert box.answer()[0] == 1


def recovery_moments():
    """The upgrade dies at one line, its recovery at another: each undo that can be under way, begun and ended."""
    walk = WALKS["upgrade"]
    reached = ("do", "PhotoStation", "HEALTH", "begin")
    for line in walk.lines("undo"):
        for where in (gates.AT, gates.END):
            yield (reached, line, where, "daemon lives")
            yield (reached, line, where, "daemon dies, too")
    for line in (("do", app, "KEEP", when) for app in walk.apps for when in ("begin", "end")):
        yield (("do", "MediaLibrary", "KEEP", "begin"), line, gates.AT, "daemon lives")


def test_a_recovery_that_is_killed_is_done_again(stock):
    walk = WALKS["upgrade"]
    sweep = Sweep("kills", "recovery", recovery_moments(), sample=3)
    for first, second, where, fate in sweep:
        with sweep.at((first, second, where, fate)), stock.box(walk.template, walk.worlds) as box:
            box.gate.hold_at(gates.Stop(gates.at(*first), act=gates.kill), gates.Stop(gates.at(*second), where))
            box.ask(*walk.command)
            pid = box.gate.wait()
            if fate == "daemon dies, too":
                box.kill_daemon()
            gates.kill(pid)
            boxes.judges.wait_until_dead(pid)
            box.gate.release()
            if fate == "daemon dies, too":
                box.nas.start()
            wanted = "new" if first[2] == "KEEP" else "old"
            assert box.verdict() == wanted
            code, words = box.answer()
            judge_words(wanted, boxes.judges.newest(box.nas), code, words, second, "job")
    sweep.end()


def test_what_cannot_be_tidied_up_is_done_all_the_same(stock):
    """Behind the commit there is only forward: said as done at once, tidied when it can be, nothing on top until then."""
    walk = WALKS["upgrade"]
    with stock.box(walk.template, walk.worlds) as box:
        in_the_way = box.nas.app_dir(".appcenter") / "kept/2-PhotoStation"
        in_the_way.mkdir()
        (in_the_way / "stranger").write_text("who put me here?")
        done = box.nas.json("upgrade", "--yes")
        assert (done["result"], done["finished_at"]) == ("done", None)
        assert boxes.judges.newest(box.nas)["result"] == "done"
        assert {a["name"]: a["version"] for a in box.nas.json("list")["apps"]} == NEW
        again = box.nas.ctl("rollback", "PhotoStation", "--yes", expect=9)
        assert "could not be tidied up" in again.stderr
        (in_the_way / "stranger").unlink()
        in_the_way.rmdir()
        box.nas.stop()
        box.nas.start()
        assert box.verdict() == "new"
        assert boxes.judges.newest(box.nas)["finished_at"]
