"""libsolv's own solver program on the same packages: testsolv, with its .solv cache of them made by rpmmd2solv.

What it is asked is written as a testcase. Versions are their ranks alone, as the order is all that counts.
"""
import re
import subprocess
from xml.sax.saxutils import quoteattr

FLAGS = {">=": "GE", "<=": "LE", "=": "EQ", ">": "GT", "<": "LT"}
TERM = re.compile(r"(\S+)(?: (\S+) (\S+))?$")


def _rank(version):
    return version.split(".")[0]


def _entry(item):
    """A term, or alternatives as a rich dependency."""
    terms = [TERM.match(term).groups() for term in item.split(" | ")]
    if len(terms) == 1:
        (name, op, version), = terms
        bound = f' flags="{FLAGS[op]}" epoch="0" ver="{_rank(version)}"' if op else ""
        return f"<rpm:entry name={quoteattr(name)}{bound}/>"
    words = " or ".join(f"{name} {op} {_rank(version)}" if op else name for name, op, version in terms)
    return f"<rpm:entry name={quoteattr(f'({words})')}/>"


def _package(name, version, requires, conflicts, provides):
    own = f'<rpm:entry name={quoteattr(name)} flags="EQ" epoch="0" ver="{_rank(version)}"/>'
    kinds = {"provides": own + "".join(map(_entry, provides)), "requires": "".join(map(_entry, requires)),
             "conflicts": "".join(map(_entry, conflicts))}
    needs = "".join(f"<rpm:{kind}>{text}</rpm:{kind}>" for kind, text in kinds.items() if text)
    return (f'<package type="rpm"><name>{name}</name><arch>x86_64</arch><version epoch="0" ver="{_rank(version)}"/>'
            f"<format>{needs}</format></package>")


class Testsolv:
    def __init__(self, base, rows, installed):
        """rows, installed: (name, version, requires, conflicts, provides) in the store's grammar."""
        self.base = base
        base.mkdir()
        for name, packages in (("repo", rows), ("system", installed)):
            head = ('<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" '
                    f'packages="{len(packages)}">')
            (base / f"{name}.xml").write_text(head + "".join(_package(*row) for row in packages) + "</metadata>")
            with (base / f"{name}.xml").open() as xml, (base / f"{name}.solv").open("wb") as solv:
                subprocess.run(["rpmmd2solv"], stdin=xml, stdout=solv, check=True)

    def ask(self, measured, job):
        """(CPU ms, peak MB, changes): `job` in testsolv's words."""
        case = self.base / "question.t"
        case.write_text("repo @System 0 solv system.solv\nrepo vendor 0 solv repo.solv\nsystem x86_64 rpm @System\n"
                        f"job {job}\nresult transaction,problems <inline>\n")
        cost = measured(["testsolv", "-r", str(case)], expect=None)
        return cost[0], cost[1], sum(line.startswith(("install ", "upgrade ")) for line in cost[2].splitlines())
