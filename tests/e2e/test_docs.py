"""What is written agrees with what is built: man pages with the programs' own help and with the table of settings, README
with the Makefile, docs with the source; and no private key lies in the tree."""
import os
import re
import shutil
import subprocess

import pytest

import nas as lab

MAN = lab.TOP / "docs" / "man"
PAGES = {"appctl": "appctl.1", "appcenterd": "appcenterd.8", "appvendor": "appvendor.1", "appcenter.conf": "appcenter.conf.5"}


def plain(roff):
    """roff as the text that a reader sees, without its layout: requests' names stay, fonts and escapes go."""
    text = re.sub(r'^\.\\".*\n', "", roff, flags=re.M)
    text = re.sub(r"\\f[BIRP]", "", text)
    return text.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\").replace('"', "")


def page(name):
    return (MAN / PAGES[name]).read_text()


def subsections(name):
    """{heading: text} of the .SS parts, each up to the next .SS or .SH."""
    parts = re.split(r"^\.(SS|SH) +(.*)$", plain(page(name)), flags=re.M)[1:]
    return {parts[i + 1].strip(): parts[i + 2] for i in range(0, len(parts), 3) if parts[i] == "SS"}


def tagged(text):
    """Option names that a part documents: on the line behind a .TP."""
    return {option for line in re.findall(r"^\.TP\n(.*)$", text, flags=re.M) for option in re.findall(r"--?[a-z][a-z0-9-]*", line)}


def help_of(*argv):
    return lab.run([lab.program(argv[0]), *argv[1:], "--help"]).stdout


def options_in(text):
    """Options that a help lists: the left column only, not what its sentences mention."""
    lines = re.findall(r"^  +(-\S.*?)(?:  |$)", text, flags=re.M)
    return {option for line in lines for option in re.findall(r"--?[a-z][a-z0-9-]*", line)}


def verbs_in(text):
    """Names under "commands:", of one word or two: what stands left of the column where every summary begins."""
    lines = text.split("commands:\n", 1)[1].split("\n\n", 1)[0].splitlines()
    column = next(c for c in range(4, 40) if all(line[c - 1] == " " and line[c] != " " for line in lines))
    return [line[:column].strip() for line in lines]


def usage(program, verb):
    """What `PROGRAM VERB --help` says behind the program's name: the verb and its words."""
    text = help_of(program, *verb.split())
    line = re.search(rf"^(?:usage:| ) *{program} (.*)$", text, flags=re.M)[1]
    return line.replace("[OPTION…] ", "").strip(), text


def settings():
    """(section, key, default, allowed) of every row of the table, from its source."""
    source = (lab.TOP / "appcenter/model/settings_table.c").read_text()
    table = source.split("const SettingRow settings_table[] = {", 1)[1].split("\n};", 1)[0]
    rows = []
    for row in re.split(r"^    (?:CHOICE|NUMBER|TEXT)\(", table, flags=re.M)[1:]:
        pieces = re.split(r",\s*", re.sub(r'"(?:[^"\\]|\\.)*"', lambda m: m[0].replace(",", "\0"), row))
        texts = ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', piece)) for piece in pieces if '"' in piece]
        rows.append(tuple(text.replace("\0", ",").replace('\\"', "") for text in texts[:4]))
    return rows


# --- man pages and help ---

@pytest.mark.parametrize("program", ["appctl", "appvendor"])
def test_every_verb_and_option_is_in_the_man_page(program):
    written = subsections(program)
    common = tagged(plain(page(program)).split("\n.SH OPTIONS", 1)[1])
    verbs = verbs_in(help_of(program))
    assert len(verbs) > 10
    missing = []
    for verb in verbs:
        heading, text = usage(program, verb)
        if heading not in written:
            missing.append(f"heading: {heading}")
            continue
        documented = tagged(written[heading]) | common
        missing += [f"{verb}: {option}" for option in sorted(options_in(text) - documented)]
    assert missing == []


@pytest.mark.parametrize("program", ["appctl", "appvendor"])
def test_no_man_page_promises_a_verb_or_option_that_is_not_there(program):
    verbs = {usage(program, verb)[0]: verb for verb in verbs_in(help_of(program))}
    invented = []
    for heading, text in subsections(program).items():
        if heading not in verbs:
            invented.append(heading)
        else:
            invented += [f"{heading}: {o}" for o in sorted(tagged(text) - options_in(usage(program, verbs[heading])[1]))]
    assert invented == []


def test_the_daemons_options_are_in_its_man_page_and_no_others():
    written = plain(page("appcenterd")).split("\n.SH OPTIONS", 1)[1].split("\n.SH", 1)[0]
    assert tagged(written) == options_in(help_of("appcenterd"))


def test_every_setting_is_in_the_man_page_with_default_and_bounds():
    written = subsections("appcenter.conf")
    rows = settings()
    assert len(rows) == sum(len(re.findall(r"^\.TP$", text, flags=re.M)) for text in written.values()) > 25
    wrong = []
    for section, key, default, allowed in rows:
        parts = re.split(r"^\.TP\n\.B ", written.get(f"[{section}]", ""), flags=re.M)
        part = next((part for part in parts if part.startswith(f"{key} =")), "")
        first, _, rest = part.partition("\n")
        if first != f"{key} = {default}".strip() or f"Allowed: {allowed}." not in " ".join(rest.split()):
            wrong.append(f"{section}.{key} = {default} ({allowed})")
    assert wrong == []


def test_every_exit_code_is_in_the_man_page():
    source = (lab.TOP / "appcenter/base/error.c").read_text()
    codes = {int(code) for code in re.findall(r'\] = \{"[a-z-]+",\s*(\d+),', source)}
    written = plain(page("appctl")).split("\n.SH EXIT STATUS", 1)[1].split("\n.SH", 1)[0]
    assert len(codes) > 10
    assert codes <= {int(code) for code in re.findall(r"^\.B (\d+)$", written, flags=re.M)}


@pytest.mark.parametrize("name", sorted(PAGES.values()))
def test_a_man_page_has_no_roff_warning(name):
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", str(MAN / name)], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"}, stdin=subprocess.DEVNULL)
    if "minimized" in done.stdout + done.stderr:
        pytest.skip("this system is minimized: its man shows nothing")
    assert (done.returncode, done.stderr) == (0, "")
    assert "SEE ALSO" in re.sub(".\b", "", done.stdout)


# --- the other documents ---

def test_readmes_commands_are_make_targets():
    makefile = (lab.TOP / "Makefile").read_text()
    targets = {target for line in re.findall(r"^([a-z][a-z -]*):(?!=)", makefile, flags=re.M) for target in line.split()}
    named = set(re.findall(r"(?:^    |`|=1 )make ([a-z][a-z-]*)", (lab.TOP / "README.md").read_text(), flags=re.M))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_ci_runs_what_the_readme_says():
    commands = [line for line in (lab.TOP / ".ci/run").read_text().splitlines() if line.strip().startswith("make ")]
    assert [re.sub(r" -j\d+", "", line) for line in commands] == ["make test"]


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md", "docs/CHANGELOG.md", "docs/api.md", "docs/keys.md", "keys/README.md"])
def test_links_and_paths_lead_somewhere(name):
    document = lab.TOP / name
    text = document.read_text()
    links = [document.parent / link for link in re.findall(r"\]\(([^)#:]+)\)", text)]
    paths = [lab.TOP / path for path in re.findall(r"`((?:appcenter|docs|tests|pkgs|keys)/[\w./-]+)`", text)]
    rooms = "|".join(folder.name for folder in (lab.TOP / "appcenter").iterdir())
    files = re.findall(rf"`((?:{rooms})/[\w.]+\.(?:c|h|sql))`", text)
    paths += [lab.TOP / "appcenter" / file for file in files]
    assert [str(path) for path in links + paths if not path.exists()] == []


def test_the_step_table_is_the_documented_one():
    source = (lab.TOP / "appcenter/engine/steps.c").read_text()
    built = re.findall(r'^    \{"([A-Z]+)", +PHASE_([A-Z]+), +(\w+), +(\w+), +"([^"]+)"', source, flags=re.M)
    text = (lab.TOP / "docs/architecture.md").read_text()
    written = re.findall(r"^\| ([A-Z]+) \| (\w+) \| `(\w+)` \| `?(\w*)`? ?\| (.*) \|$", text, flags=re.M)
    assert len(built) > 10
    assert [(name, phase.upper(), do, undo or "NULL", words) for name, phase, do, undo, words in written] == built


def test_every_table_of_the_state_is_documented():
    sql = "".join(file.read_text() for file in sorted((lab.TOP / "appcenter/ports/sql").glob("[0-9]*.sql")))
    tables = set(re.findall(r"^CREATE TABLE (\w+)", sql, flags=re.M))
    state = (lab.TOP / "docs/architecture.md").read_text().split("\n## State", 1)[1].split("\n## ", 1)[0]
    documented = {name for row in re.findall(r"^\| (`.*?) \|", state, flags=re.M) for name in re.findall(r"`(\w+)`", row)}
    assert tables and tables == documented


def test_no_private_key_is_in_the_tree():
    git = shutil.which("git")
    listed = git and subprocess.run([git, "ls-files", "-z"], cwd=lab.TOP, capture_output=True)
    if listed and listed.returncode == 0 and listed.stdout:
        files = [lab.TOP / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    else:  # no git, or an archive of the source instead of a checkout
        files = [file for file in lab.TOP.rglob("*") if file.is_file() and not re.match(r"build|\.git$", file.relative_to(lab.TOP).parts[0])]
    assert len(files) > 100
    mark = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")
    assert [str(file) for file in files if file.is_file() and mark.search(file.read_bytes())] == []


def test_the_list_of_reasons_is_the_products_own_table():
    """`make reasons` writes docs/reasons.md; every code that the source knows is in it once."""
    printed = subprocess.run([lab.BUILD / "tests" / "reasons"], capture_output=True, text=True, check=True).stdout
    assert printed == (lab.TOP / "docs" / "reasons.md").read_text(), "run `make reasons`"
    codes = re.findall(r"^\| `([a-z-]+)`", printed, re.M)
    header = (lab.TOP / "appcenter" / "model" / "policy.h").read_text()
    names = re.findall(r"^    REASON_([A-Z_]+),", header, re.M)
    assert codes == [name.lower().replace("_", "-") for name in names]
