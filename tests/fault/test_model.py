"""Random orders, killed at random moments, while a user uploads: the NAS is where a small sequential model says.

A point is a sequence of orders on a NAS of its own. No acknowledged order is lost, none happens by half, each photo
that was taken is there and is served, and what history, holds, skips and kept versions say is what the model says.
"""
import time

import box as boxes
import gate as gates
import judge as judges
import model as models
import nas as lab
import pytest
import stock as stocks
from sweep import Sweep, chance

ORDERS = 8
KILLS = (None, None, "job", "daemon", "both")


class Shop(boxes.Stock):
    """All versions of all apps in the repository, and a NAS that has read it."""

    def _prepare(self):
        self.packages = [judges.Package(self.session.base / "src" / f"{app}_{version}.qpkg")
                         for versions in (models.OLD, models.NEW) for app, version in versions.items()]
        self.vendor.add(*(self.session.packages[item] for item in models.NEW.items()))
        self.vendor.publish()
        nas = lab.Nas(self.base / "bare/nas")
        nas.configure(lab.config(updates__other="notify", network__poll="1h", safety__health_settle="0s"))
        try:
            nas.start()
            stocks.add_repository(nas, self.vendor, self.web)
        finally:
            nas.stop()


@pytest.fixture(scope="module")
def shop(tmp_path_factory, session):
    made = Shop(tmp_path_factory.mktemp("shop"), session)
    yield made
    made.close()


class Story:
    """One sequence of orders on one NAS, told beside the model."""

    def __init__(self, box, rng):
        self.box, self.nas, self.rng = box, box.nas, rng
        self.model = models.Model()
        self.told, self.photos = [], {}
        self.seen = set()

    def go_on(self):
        """One order, perhaps a kill in it, and the verdict."""
        order = self.rng.choice(sorted(self.model.orders()))
        victim = self.rng.choice(KILLS)
        moment = self.rng.uniform(0, 0.05 if order[0] in ("hold", "unhold") else 1.2)
        self.told.append(f"{' '.join(order)}{f' (kill {victim} after {moment:.3f} s)' if victim else ''}")
        try:
            groups, refusal = self.model.expect(order), None
        except models.Refusal as no:
            groups, refusal = [], no
        self.write_by_hand()
        self.box.user = boxes.User(self.box.stock.url, f"p{len(self.told)}-")
        code, words = self.ask(order, victim, moment)
        self.told[-1] += f" -> {code}"
        if not victim:
            assert (code in refusal.codes) if refusal else code == 0, f"exit {code}, wanted {refusal or 0}\n{words}"
        self.judge(order, groups, is_certain=code == 0 or not victim)

    def ask(self, order, victim, moment):
        """Exit code and words of the order, when nothing is at work any more."""
        self.box.ask(*order)
        if victim:
            time.sleep(moment)
            if victim != "job":
                self.box.kill_daemon()
            if victim != "daemon":
                for pid in self.box.judge.jobs():
                    gates.kill(pid)
                    judges.wait_until_dead(pid)
            if victim != "job":
                self.nas.start()
        answer = self.box.answer(120)
        self.box.judge.settle()
        return answer

    def write_by_hand(self):
        """A file of the user's in one app, also where the next version ships one."""
        app = self.rng.choice(sorted(self.model.installed) or [None])
        if not app:
            return
        name = f"notes/{self.rng.randrange(4)}.txt"
        if app == models.LIBRARY and self.model.installed[app] == models.OLD[app] and self.rng.random() < 0.5:
            name = "lib/media.api"
        content = f"{app} {name} {len(self.told)}".encode()
        path = self.nas.app_dir(app) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        self.box.judge.owns(app, name, content)

    def judge(self, order, groups, is_certain):
        judge, model = self.box.judge, self.model
        for name, body in self.box.user.stop().items():
            self.photos[name] = body
            judge.owns("PhotoStation", f"album/{name}", body)
        judge.worlds = model.worlds(groups, is_certain)
        some = judge.verdict()
        done = {number for (number,) in self.nas.sql("SELECT id FROM txn WHERE result = 'done'")}
        assert self.seen <= done, f"forgotten transactions: {self.seen - done}"
        new = sorted(done - self.seen)
        assert len(new) == len(some), f"transactions {new} for {len(some)} changes"
        model.happened(order, self.in_order([groups[i] for i in some], new), new)
        self.seen = done
        self.compare(order, is_certain)
        self.look_at_photos()

    def in_order(self, groups, transactions):
        """The groups as the transactions name them."""
        firsts = {number: {app for (app,) in self.nas.sql("SELECT app FROM change WHERE txn_id = ?", number)}
                  for number in transactions}
        return [next(g for g in groups if set(g) == firsts[number]) for number in transactions]

    def compare(self, order, is_certain):
        """Holds, skips and previous versions."""
        model, held = self.model, {app for (app,) in self.nas.sql("SELECT app FROM hold")}
        if order[0] in ("hold", "unhold"):
            wanted = model.held | {order[1]} if order[0] == "hold" else model.held - {order[1]}
            assert held == wanted or (not is_certain and held == model.held), f"held: {held}, wanted {wanted}"
            model.held = held
        assert held == model.held, f"held: {held}, wanted {model.held}"
        skipped = set(self.nas.sql("SELECT app, version FROM skip"))
        assert skipped == model.skipped, f"skipped: {skipped}, wanted {model.skipped}"
        previous = dict(self.nas.sql("SELECT name, version FROM kept WHERE kind = 'previous'"))
        assert previous == model.previous, f"previous versions: {previous}, wanted {model.previous}"

    def look_at_photos(self):
        """One of all that were ever taken is served as it was sent."""
        if self.photos and "PhotoStation" in self.model.installed:
            name = self.rng.choice(sorted(self.photos))
            assert lab.http_get(f"{self.box.stock.url}photo?name={name}") == (200, self.photos[name]), name


def test_random_orders_killed_at_random_moments_end_where_the_model_says(shop):
    sweep = Sweep("property", "sequences", range(200), sample=2)
    for number in sweep:
        with sweep.at(number), shop.box("bare", {}) as box:
            box.user.stop()
            story = Story(box, chance(f"property {number}"))
            try:
                for _ in range(ORDERS):
                    story.go_on()
            except (AssertionError, lab.Failed) as error:
                raise AssertionError(f"{error}\nafter: " + "; ".join(story.told)) from error
    sweep.end()
