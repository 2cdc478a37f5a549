"""Checks src/pg/base/settings.def, the table of settings, against its documents and its uses.

With --write it writes the table of docs/reference/settings.md.
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = "src/pg/base/settings.def"
PAGE = "docs/reference/settings.md"
BEGIN = f"<!-- The table is written by scripts/checks/settings.py from {TABLE}. -->\n"
END = "<!-- The end of the table. -->\n"

COLUMNS = {
    "SWITCH": "name default effect protects description",
    "NUMBER": "name default least greatest effect protects description",
    "QUANTITY": "name unit default least greatest effect protects description",
    "SHARE": "name default least greatest effect protects description",
    "CHOICE": "name choices default effect protects description",
    "TEXT": "name default check holds effect protects shown description",
}
# Unit of PostgreSQL -> the larger units in which it may be shown, the largest first.
LARGER = {
    "ms": (("d", 86400000), ("h", 3600000), ("min", 60000), ("s", 1000), ("ms", 1)),
    "s": (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)),
    "min": (("d", 1440), ("h", 60), ("min", 1)),
    "kb": (("GB", 1 << 20), ("MB", 1 << 10), ("kB", 1)),
}
NOTE = r"^\* `pganalytics\.(\w+)`"
Setting = collections.namedtuple("Setting", "name protects secret default range effect description")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def arguments(text):
    """arguments gives the arguments of a macro after its opening bracket; literals keep their quotes."""
    found, depth, begin = [], 0, 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|[(),]', text):
        token = match.group()
        if depth == 0 and token in (",", ")"):
            found.append(text[begin:match.start()].strip())
            begin = match.end()
            if token == ")":
                return found
        depth += {"(": 1, ")": -1}.get(token, 0)
    raise ValueError(f"{TABLE}: a bracket is not closed")


def text_of(argument):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', argument))


def number_of(argument, constants):
    """number_of evaluates a product of numbers and constants of guc.hpp."""
    product = 1
    for factor in argument.split("*"):
        factor = factor.strip()
        number = constants.get(factor, factor)
        product *= float(number) if "." in number else int(number)
    return product


def shown(value, unit):
    """shown formats a value as PostgreSQL does."""
    if value <= 0:
        return str(value)
    for name, size in LARGER.get(unit, ()):
        if value % size == 0:
            return f"{value // size}{name}"
    if unit == "days":
        return f"{value} days"
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_settings():
    """read_settings gives the Settings of the table in its order."""
    header, code = read("src/pg/base/guc.hpp"), read("src/pg/base/guc.cpp")
    constants = dict(re.findall(r"constexpr int (k\w+) = (\d+);", header))
    choices = {name: dict((value, text) for text, value in re.findall(
        r'\{"(\w+)", static_cast<int>\(([\w:]+)\)', entries))
        for name, entries in re.findall(r"config_enum_entry (k\w+)\[\] = \{(.*?)\n\};", code, re.S)}
    table = read(TABLE)
    found = []
    for match in re.finditer(r"^SETTING_(\w+)\(", table, re.M):
        names = COLUMNS[match.group(1)].split()
        values = arguments(table[match.end():])
        if len(names) != len(values):
            raise ValueError(f"{TABLE}: {values[0]} has {len(values)} columns instead of {len(names)}")
        entry = dict(zip(names, values))
        unit = entry.get("unit", "")
        if "least" in entry:
            default = shown(number_of(entry["default"], constants), unit)
            allowed = " to ".join(shown(number_of(entry[end], constants), unit)
                                  for end in ("least", "greatest"))
        elif "choices" in entry:
            default = choices[entry["choices"]][entry["default"]]
            allowed = ", ".join(choices[entry["choices"]].values())
        elif "holds" in entry:
            default, allowed = text_of(entry["default"]) or "empty", text_of(entry["holds"])
        else:
            default, allowed = {"true": "on", "false": "off"}[entry["default"]], "on, off"
        found.append(Setting(
            entry["name"], entry["protects"] == "kProtects", entry.get("shown") == "kSecret",
            default, allowed, entry["effect"][1:].lower(), text_of(entry["description"])))
    return found


def table_of(settings):
    rows = ["| setting | default | range | effect | protects | meaning |", "|---|---|---|---|---|---|"]
    rows += [f"| `pganalytics.{s.name}` | {s.default} | {s.range} | {s.effect} "
             f"| {'yes' if s.protects else ''} | {s.description} |" for s in settings]
    return "\n".join(rows) + "\n"


def with_table(page, settings):
    """with_table gives the page with its table replaced by a new one."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + "\n" + table_of(settings) + "\n" + END + after


def out_of_order(text, pattern):
    """out_of_order gives (line, name before, name) of each name that does not follow that before it."""
    found = [(text.count("\n", 0, match.start()) + 1, match[1]) for match in re.finditer(pattern, text, re.M)]
    return [(line, before, name) for (_, before), (line, name) in zip(found, found[1:]) if name <= before]


def check(settings):
    names = [s.name for s in settings]
    for line, before, name in out_of_order(read(TABLE), r"^SETTING_\w+\(\s*(\w+)"):
        yield f"{TABLE}:{line}: {name} is not in alphabetical order behind {before}, each once"
    if len(names) < 10:
        yield f"{TABLE}: only {len(names)} settings found: has the way to list them changed?"
    page = read(PAGE)
    if page != with_table(page, settings):
        yield f"{PAGE}: not up to date; run /usr/bin/python3 scripts/checks/settings.py --write"
    notes = re.findall(NOTE, page, re.M)
    for line, before, name in out_of_order(page, NOTE):
        yield f"{PAGE}:{line}: the note of {name} is not in alphabetical order behind {before}, each once"
    named = [(PAGE, name) for name in notes]
    for path in sorted((ROOT / "sql").rglob("*.sql")):
        named += [(path.relative_to(ROOT), name) for name in re.findall(
            r"current_setting\('pganalytics\.(\w+)'", path.read_text(encoding="utf-8"))]
    for where, name in named:
        if name not in names:
            yield f"{where}: there is no setting pganalytics.{name}"


def main():
    settings = read_settings()
    if sys.argv[1:] == ["--write"]:
        (ROOT / PAGE).write_text(with_table(read(PAGE), settings), encoding="utf-8")
    problems = list(check(settings))
    print("\n".join(problems))
    print(f"{len(settings)} settings checked")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
