"""Checks that docs/reference/settings.md describes exactly the settings that the extension defines."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    code = (ROOT / "src/pg/base/guc.cpp").read_text(encoding="utf-8")
    defined = re.findall(r'Define\w+\(\s*"pganalytics\.(\w+)"', code)
    document = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    # A setting is described by a row of the table or a heading of its own.
    described = re.findall(r"^(?:\| *|#+ *)`?pganalytics\.(\w+)`?", document, re.M)
    problems = []
    for name in sorted(set(defined) - set(described)):
        problems.append(f"docs/reference/settings.md: pganalytics.{name} is missing")
    for name in sorted(set(described) - set(defined)):
        problems.append(f"docs/reference/settings.md: pganalytics.{name} does not exist")
    if defined != sorted(defined):
        problems.append("src/pg/base/guc.cpp: settings are not in alphabetical order")
    if len(set(defined)) != len(defined) or len(set(described)) != len(described):
        problems.append("a setting is defined or described twice")
    if len(defined) < 10:
        problems.append(f"only {len(defined)} settings found: has the way to define them changed?")
    print("\n".join(problems))
    print(f"{len(defined)} settings checked")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
