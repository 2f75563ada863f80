"""A small sequential model of what an admin may ask for, and what must be so afterwards.

It shares no code with the product: the apps' needs are written down here once more. A change is a list of fate groups,
{app: (from, to)} each; a group happens wholly or not at all. What was acknowledged happened; what was killed may have.
"""
import itertools

import stock

APPS = ("PhotoStation", "MediaLibrary", "QVPN", "HybridBackup")
OLD = {app: stock.OLD[app] for app in APPS}
NEW = {app: stock.NEW[app] for app in APPS}
LIBRARY, PHOTOS = "MediaLibrary", "PhotoStation"


class Refusal(Exception):
    """The product must say no, with one of these exit codes."""

    def __init__(self, *codes):
        super().__init__(codes)
        self.codes = codes


def holds_together(world):
    """PhotoStation 6.1.1 needs a MediaLibrary, 6.1.2 needs 2.0 of it."""
    library, photos = world.get(LIBRARY), world.get(PHOTOS)
    return not photos or bool(library) and (photos == OLD[PHOTOS] or library == NEW[LIBRARY])


def after(world, groups):
    """The world when these groups have happened."""
    world = dict(world)
    for group in groups:
        for app, (_, to) in group.items():
            world.pop(app, None)
            if to:
                world[app] = to
    return world


class Model:
    """What is so, and what an order makes of it."""

    def __init__(self):
        self.installed, self.previous = {}, {}
        self.held, self.skipped = set(), set()
        self.done = []  # every group that happened: (transaction, group)

    # --- what may be asked ---

    def orders(self):
        """Every order that makes sense to try now, also some that must be refused."""
        for app in APPS:
            version = self.installed.get(app)
            if not version:
                yield from (("install", f"{app}={wanted}") for wanted in (OLD[app], NEW[app]))
                continue
            yield ("remove", app, "--cascade")
            yield ("unhold" if app in self.held else "hold", app)
            yield ("rollback", app)
            if app == LIBRARY:
                yield ("remove", app)
            if version == OLD[app]:
                yield ("upgrade", f"{app}={NEW[app]}")
        if self.installed:
            yield ("upgrade",)
        if self.done:
            yield ("undo", str(self.done[-1][0]))

    def expect(self, order):
        """The fate groups of an order; Refusal when it must be refused."""
        verb, words = order[0], order[1:]
        if verb in ("hold", "unhold"):
            return []
        if verb == "upgrade" and not words:
            return self._upgrade_all()
        group = getattr(self, f"_{verb}")(*words)
        if not holds_together(after(self.installed, [group])):
            raise Refusal(4)
        return [group] if group else []

    def _named(self, words):
        app, version = words.split("=")
        group = {app: (self.installed.get(app), version)}
        if app == PHOTOS:
            library = self.installed.get(LIBRARY)
            if not library or (version == NEW[PHOTOS] and library != NEW[LIBRARY]):
                if library and (LIBRARY in self.held or (LIBRARY, NEW[LIBRARY]) in self.skipped):
                    raise Refusal(4, 9)
                group[LIBRARY] = (library, NEW[LIBRARY])
        return group

    _install = _upgrade = _named

    def _remove(self, app, *flags):
        gone = [app, PHOTOS] if app == LIBRARY and flags and PHOTOS in self.installed else [app]
        if len(gone) > 1 and PHOTOS in self.held:
            raise Refusal(4, 9)
        return {name: (self.installed[name], None) for name in gone}

    def _rollback(self, app):
        if app not in self.previous:
            raise Refusal(3)
        return {app: (self.installed[app], self.previous[app])}

    def _undo(self, number):
        _, group = next(item for item in self.done if item[0] == int(number))
        return {app: (to, before) for app, (before, to) in group.items()}

    def _upgrade_all(self):
        free = {app for app, version in self.installed.items()
                if version == OLD[app] and app not in self.held and (app, NEW[app]) not in self.skipped}
        if PHOTOS in free and LIBRARY not in free and self.installed[LIBRARY] == OLD[LIBRARY]:
            free.discard(PHOTOS)
        kin = [app for app in free if app in (LIBRARY, PHOTOS)]
        return [{app: (OLD[app], NEW[app]) for app in group}
                for group in [kin, *([app] for app in free if app not in kin)] if group]

    # --- what happened ---

    def worlds(self, groups, is_certain):
        """{which groups happened: world}; after a kill any of them may have."""
        counts = [len(groups)] if is_certain else range(len(groups) + 1)
        return {some: after(self.installed, [groups[i] for i in some])
                for count in counts for some in itertools.combinations(range(len(groups)), count)}

    def happened(self, order, groups, transactions):
        """These groups did, as these new transactions."""
        for group, number in zip(groups, transactions):
            self.done.append((number, group))
            for app, (before, to) in group.items():
                if before and to:
                    self.previous[app] = before
                self.skipped.discard((app, to))
                if order[0] in ("rollback", "undo") and (before, to) == (NEW[app], OLD[app]):
                    self.skipped.add((app, before))
        self.installed = after(self.installed, groups)
