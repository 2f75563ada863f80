"""A Debian package index as a store of apps: a catalogue of real size with real dependencies, and the same for apt.

The index is the reader's own (what apt keeps below /var/lib/apt/lists); where there is none, an invented one of the same
shape. Names become app names, versions keep Debian's order (their rank among all versions that anybody names of that
package stands in front), alternatives, conflicts and provided names stay. Nothing of the product is used here.
"""
import functools
import hashlib
import random
import re
import subprocess
from pathlib import Path

LISTS = Path("/var/lib/apt/lists")
FIELDS = ("Package", "Version", "Architecture", "Multi-Arch", "Essential", "Priority", "Pre-Depends", "Depends", "Conflicts",
          "Breaks", "Provides")
OPERATORS = {"<<": "<", "<=": "<=", "=": "=", ">=": ">=", ">>": ">"}
TERM = re.compile(r"([^\s(\[:]+)(?::\w+)?\s*(?:\((<<|<=|=|>=|>>)\s*([^)\s]+)\s*\))?")
NAME_BYTES, VERSION_BYTES, ITEM_BYTES, ITEMS, TERMS = 40, 64, 1024, 256, 64


# ---- Debian's own order of versions

def _part_key(text):
    key = []
    for word, number in re.findall(r"(\D*)(\d*)", text):
        if word or number:
            key.append((tuple(-1 if c == "~" else ord(c) if c.isalpha() else ord(c) + 256 for c in word) + (0,),
                        int(number or 0)))
    return key + [((0,), 0)]


@functools.lru_cache(None)
def version_key(text):
    epoch, colon, rest = text.partition(":")
    epoch, rest = (int(epoch), rest) if colon else (0, text)
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return epoch, _part_key(upstream), _part_key(revision)


def holds(op, found, wanted):
    a, b = version_key(found), version_key(wanted)
    return {"<<": a < b, "<=": a <= b, "=": a == b, ">=": a >= b, ">>": a > b}[op]


# ---- the index

def terms_of(text):
    """[[(name, op or None, version or None), ...alternatives], ...]"""
    groups = []
    for group in (text or "").split(","):
        found = [TERM.match(term.strip()) for term in group.split("|")]
        if found and all(found):
            groups.append([match.groups() for match in found])
    return groups


class Package:
    __slots__ = ("name", "version", "arch", "fields", "depends", "conflicts", "provides")

    def __init__(self, fields):
        self.fields = fields
        self.name, self.version, self.arch = fields["Package"], fields["Version"], fields.get("Architecture", "all")
        self.depends = terms_of(fields.get("Pre-Depends")) + terms_of(fields.get("Depends"))
        self.conflicts = [group[0] for group in terms_of(fields.get("Conflicts")) + terms_of(fields.get("Breaks"))]
        self.provides = [group[0] for group in terms_of(fields.get("Provides"))]

    def stanza(self, version=None, installed=False):
        fields = dict(self.fields, Version=version or self.version)
        if installed:
            fields["Status"] = "install ok installed"
        else:
            fields.update(Filename=f"./{self.name}.deb", Size="1000", SHA256=hashlib.sha256(self.name.encode()).hexdigest())
        fields.update({"Maintainer": "nobody <nobody@example.org>", "Description": "a package"})
        return "".join(f"{key}: {value}\n" for key, value in fields.items()) + "\n"


def _stanzas(text):
    fields = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if not line.strip():
            if "Package" in fields:
                yield fields
            fields = {}
        elif colon and key in FIELDS:
            fields[key] = value.strip()
    if "Package" in fields:
        yield fields


def own_index():
    """Every package of this machine's lists in its newest version, by name; None when there are too few."""
    newest = {}
    for file in sorted(LISTS.glob("*_Packages*")) if LISTS.is_dir() else ():
        done = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", file], capture_output=True)
        for fields in _stanzas(done.stdout.decode(errors="replace")):
            known = newest.get(fields["Package"])
            if not known or version_key(fields["Version"]) > version_key(known["Version"]):
                newest[fields["Package"]] = fields
    return [Package(newest[name]) for name in sorted(newest)]


def invented_index(n, seed=63000):
    """The shape of Debian's: few libraries that nearly all need, layers above them, alternatives, some conflicts."""
    chance, packages = random.Random(seed), []
    for i in range(n):
        fields = {"Package": f"pkg{i:05d}", "Version": f"{1 + i % 9}.{i % 23}-{1 + i % 4}", "Architecture": "amd64"}
        needs = set()
        for _ in range(min(i, 60, int(chance.paretovariate(1.3)) + chance.randrange(4))):
            needs.add(int(i * chance.random() ** 3))
        groups = []
        for need in sorted(needs):
            bound = f" (>= {1 + need % 9}.{need % 23})" if chance.random() < 0.5 else ""
            other = f" | pkg{chance.randrange(i):05d}" if chance.random() < 0.04 else ""
            groups.append(f"pkg{need:05d}{bound}{other}")
        if groups:
            fields["Depends"] = ", ".join(groups)
        if i > 2000 and chance.random() < 0.1:
            fields["Conflicts"] = f"pkg{chance.randrange(2000, n):05d}"
        if chance.random() < 0.05:
            fields["Provides"] = f"virtual{i % 997}"
        if i < 40:
            fields["Priority"] = "required"
        packages.append(Package(fields))
    return packages


def has_room(package):
    groups = package.depends
    return (len(groups) <= ITEMS and len(package.conflicts) <= ITEMS and len(package.provides) <= ITEMS and
            all(len(group) <= TERMS and sum(60 + len(term[0]) for term in group) < ITEM_BYTES for group in groups))


class Index:
    """Exactly n packages; of a longer index those go that nobody names, the last by name first."""

    def __init__(self, n, packages=None):
        self.is_own = packages is None
        if self.is_own:
            packages = [p for p in own_index() if has_room(p)]
            self.is_own = len(packages) >= n
            if not self.is_own:
                packages = invented_index(n)
        self.packages = {p.name: p for p in packages}
        self._shrink(n)
        self.bearers = {}
        for package in self.packages.values():
            self.bearers.setdefault(package.name, []).append((package, package.version))
            for name, op, version in package.provides:
                self.bearers.setdefault(name, []).append((package, version))

    def _shrink(self, n):
        named = {term[0] for p in self.packages.values() for group in p.depends for term in group}
        for name in sorted(self.packages, reverse=True):
            if len(self.packages) == n:
                return
            if name not in named:
                del self.packages[name]

    def part(self, n):
        """A smaller index that holds together: what goes together, as far as n."""
        return Index(n, [self.packages[name] for name in sorted(self.installable_set(n))])

    def meets(self, term, names):
        """The first of these names that answers to the term, or None."""
        name, op, version = term
        for package, has in self.bearers.get(name, ()):
            if package.name in names and (not op or (has and holds(op, has, version))):
                return package.name
        return None

    def clashes(self, name, names):
        package = self.packages[name]
        for term in package.conflicts:
            bearers = [p.name for p, has in self.bearers.get(term[0], ())
                       if p.name in names and (not term[1] or (has and holds(term[1], has, term[2])))]
            if any(bearer != name for bearer in bearers):
                return True
        return False

    def closure(self, name, installed, limit):
        """What must come with the package, the first alternative that works first; None when it does not go or is too long."""
        new, todo = {name}, [name]
        while todo:
            for group in self.packages[todo.pop()].depends:
                if any(self.meets(term, installed) or self.meets(term, new) for term in group):
                    continue
                found = next((p for p in (self.meets(term, self.packages) for term in group) if p), None)
                if not found or len(new) >= limit:
                    return None
                new.add(found)
                todo.append(found)
        everybody = installed | new
        return None if any(self.clashes(one, everybody) for one in everybody) else new

    def installable_set(self, n):
        """n packages that go together, what every Debian has first."""
        installed = set()
        first = sorted((p.name for p in self.packages.values() if p.fields.get("Essential") == "yes"))
        first += sorted(p.name for p in self.packages.values() if p.fields.get("Priority") in ("required", "important"))
        others = sorted(self.packages)
        random.Random(n).shuffle(others)
        for name in first + others:
            if len(installed) == n:
                break
            new = None if name in installed else self.closure(name, installed, n - len(installed))
            if new and len(new) + len(installed) <= n:
                installed |= new
        return installed

    def outdated(self, installed, n):
        """{name: an older version} of n of them that nobody minds to be older."""
        older = {}
        bounds = {}
        for name in installed:
            package = self.packages[name]
            for term in [t for group in package.depends for t in group] + package.conflicts:
                if term[1]:
                    bounds.setdefault(term[0], []).append(term)
        for name in sorted(installed):
            version = self.packages[name].version + "~old"
            if len(older) < n and all(holds(t[1], version, t[2]) == holds(t[1], self.packages[name].version, t[2])
                                      for t in bounds.get(name, ())):
                older[name] = version
        return older

    def needs_about(self, installed, n, slack=10):
        """(package, what comes with it): one that needs about n that are not there."""
        best = None
        others = [name for name in sorted(self.packages) if name not in installed]
        random.Random(300).shuffle(others)
        for name in others:
            new = self.closure(name, installed, n + slack)
            if new and (not best or abs(len(new) - n) < abs(len(best[1]) - n)):
                best = name, new
                if abs(len(new) - n) <= slack:
                    break
        return best

    def impossible(self, installed):
        """A package that does not go with what is installed, deep below what it needs."""
        for name in sorted(self.packages, reverse=True):
            package = self.packages[name]
            if name in installed or not package.depends or self.clashes(name, installed | {name}):
                continue
            for group in package.depends:
                only = group[0][0]
                if len(group) == 1 and only in self.packages and only not in installed and \
                        len(self.bearers[only]) == 1 and self.clashes(only, installed | {only}):
                    return name
        return None


# ---- in the words of our catalogue

def app_name(name):
    if len(name) <= NAME_BYTES:
        return name
    return name[:NAME_BYTES - 9] + "-" + hashlib.sha256(name.encode()).hexdigest()[:8]


class Words:
    """Names and versions of an index in the store's grammar. `older`: installed versions that the index does not have."""

    def __init__(self, index, older):
        mentioned, self.bounded, self.free = {}, set(), set()
        for package in index.packages.values():
            mentioned.setdefault(package.name, set()).add(package.version)
            for name, op, version in [t for g in package.depends for t in g] + package.conflicts + package.provides:
                if op:
                    mentioned.setdefault(name, set()).add(version)
            self.bounded.update(t[0] for g in package.depends for t in g if t[1])
            self.bounded.update(t[0] for t in package.conflicts if t[1])
            self.free.update(name for name, op, _ in package.provides if not op)
        for name, version in older.items():
            mentioned[name].add(version)
        self.ranks = {name: self._rank(versions) for name, versions in mentioned.items()}
        self.free &= self.bounded

    @staticmethod
    def _rank(versions):
        ranks, last, rank, text = {}, None, 0, ""
        for version in sorted(versions, key=version_key):
            if last is None or version_key(version) != last:
                rank, last = rank + 1, version_key(version)
                text = f"{rank}.{version.replace(':', '.')}"[:VERSION_BYTES]
            ranks[version] = text
        return ranks

    def version(self, name, version):
        return self.ranks[name][version]

    def _virtual(self, name):
        """A name without a version does not answer to a bound in Debian; in the store it does: so it gets one of its own."""
        return app_name(name + "-virtual")

    def _bound(self, term):
        name, op, version = term
        return f"{app_name(name)} {OPERATORS[op]} {self.version(name, version)}" if op else app_name(name)

    def item(self, group):
        terms = []
        for term in group:
            terms.append(self._bound(term))
            if not term[1] and term[0] in self.free:
                terms.append(self._virtual(term[0]))
        return " | ".join(terms)

    def requires(self, package):
        return [self.item(group) for group in package.depends]

    def conflicts(self, package):
        own = {package.name}
        items = []
        for term in package.conflicts:
            if term[0] not in own:
                items.append(self._bound(term))
                if not term[1] and term[0] in self.free:
                    items.append(self._virtual(term[0]))
        return list(dict.fromkeys(items))

    def provides(self, package):
        items = [f"{app_name(name)} = {self.version(name, version)}" if op
                 else self._virtual(name) if name in self.free else app_name(name)
                 for name, op, version in package.provides if name != package.name]
        return list(dict.fromkeys(items))
