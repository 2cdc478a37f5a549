"""Checks the rooms: the number of files in each, a README that says what it is for, and the drawing.

The drawing of the rooms in docs/inside must match the includes; scripts/rooms writes it. What a README
says that its room may touch is what includes.py has for it. scripts/regress names each test of its folders.
"""
import collections
import importlib.machinery
import importlib.util
import pathlib
import re
import subprocess
import sys

from includes import EVERYBODYS, ROOMS, ROOT

MAX_FILES = 25
MAX_README_LINES = 40
TOPS = ("src", "bgworker", "sql", "test", "scripts", "bench", "docs", "contrib")
# Files in a room that do not count as files of its task.
NOT_COUNTED = {"README.md", "CMakeLists.txt", ".gitignore"}
# Folder -> the reason why it may have more files than MAX_FILES.
LARGE = {
    "src/core": "small pieces that include nothing else of ours; a reader looks one up by its name",
    "test/regress": "pg_regress runs the files of one folder, and expected/ has one output for each",
}
# Folder -> the reason why it is no room: it, and all below it, needs no README and has no file
# limit.
NO_ROOMS = {
    "docs/man": "manual pages, which say themselves for whom they are",
    "test/fixtures": "data that tests read",
    "test/fuzz/corpus": "inputs that the fuzzers start from, written by them",
    "test/isolation/expected": "outputs that the isolation tester compares",
    "test/isolation/specs": "what the isolation tester runs; test/isolation/README.md speaks of it",
    "test/regress/setup": "scripts that tests of test/regress include",
}
# Folder -> the reason why it needs no README; its number of files is limited.
NO_README = {
    "test/unit": "its rooms are those of src; test/unit/README.md speaks for all of them",
}


def load_script(path):
    """load_script imports a program whose name has no suffix as a module."""
    loader = importlib.machinery.SourceFileLoader(path.name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(path.name, loader))
    loader.exec_module(module)
    return module


def is_below(folder, folders):
    return any(folder == one or folder.startswith(one + "/") for one in folders)


def read_folders():
    """read_folders gives folder -> the names of its files, for every folder that is a room."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *TOPS], cwd=ROOT,
                            check=True, text=True, capture_output=True).stdout.split("\n")
    folders = collections.defaultdict(list)
    for name in filter(None, listed):
        path = pathlib.PurePosixPath(name)
        if not (ROOT / name).is_file() or is_below(path.parent.as_posix(), NO_ROOMS):
            continue
        folders[path.parent.as_posix()].append(path.name)
        for parent in list(path.parents)[1:-1]:
            folders[parent.as_posix()]  # a folder that contains only rooms is a room, too
    return folders


def check_folder(folder, names):
    count = len(set(names) - NOT_COUNTED)
    if count > MAX_FILES and folder not in LARGE:
        yield f"{folder}:1: {count} files; a room has at most {MAX_FILES}"
    if count <= MAX_FILES and folder in LARGE:
        yield f"{folder}:1: {count} files; it needs no exception in {pathlib.Path(__file__).name}"
    if is_below(folder, NO_README) and folder not in NO_README:
        return
    if "README.md" not in names:
        yield f"{folder}:1: has no README.md"
        return
    lines = (ROOT / folder / "README.md").read_text(encoding="utf-8").count("\n")
    if lines > MAX_README_LINES:
        yield f"{folder}/README.md:{MAX_README_LINES + 1}: {lines} lines; at most {MAX_README_LINES}"


def check_drawing():
    for path, text in load_script(ROOT / "scripts/rooms").drawings().items():
        now = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        for number, (old, new) in enumerate(zip([*now, None], [*text.split("\n"), None]), 1):
            if old != new:
                yield f"{path.relative_to(ROOT)}:{number}: is not what the includes are; run scripts/rooms"
                break


def named_rooms(room, text):
    """named_rooms gives the rooms that the sentence "May touch" of a README names; core is everybody's."""
    match = re.search(r"\*\*May touch\*\*(.*?)(?:;|\.\s|\n\n|\Z)", re.sub(r"\([^)]*\)", "", text), re.S)
    tops = [room, *(parent.as_posix() for parent in pathlib.PurePosixPath(room).parents), "src"]
    for name in re.findall(r"`([\w/]+)`", match[1]) if match else ():
        paths = [f"{top}/{name}".removeprefix("./") for top in tops]
        inside = [[one for one in ROOMS if is_below(one, [path])] for path in paths]
        yield name, next((path for path in paths if path in ROOMS), None), next(filter(None, inside), [])


def check_may_touch(room):
    """check_may_touch compares a README with ROOMS; it may also speak for the rooms below."""
    place, below = f"{room}/README.md", {one for one in ROOMS if is_below(one, [room])}
    allowed = below.union({EVERYBODYS}, *(ROOMS[one] for one in below))
    named = list(named_rooms(room, (ROOT / place).read_text(encoding="utf-8")))
    for name, path, inside in named:
        if not allowed.intersection([path] if path else inside):
            yield f"{place}:1: may touch {name}, and includes.py does not allow it"
    for path in sorted(ROOMS[room] - below - {one for _, path, inside in named
                                              for one in ([path] if path else inside)}):
        yield f"{place}:1: does not say that it may touch {path}"


def check_tests():
    """check_tests compares the lists of scripts/regress with the tests that there are."""
    text = (ROOT / "scripts/regress").read_text(encoding="utf-8")
    for suite, pattern in (("regress", "test/regress/*.sql"), ("isolation", "test/isolation/specs/*.spec")):
        match = re.search(rf"^{suite}_tests=\((.*?)\)", text, re.M | re.S)
        named, files = match[1].split(), {path.stem: path.relative_to(ROOT) for path in ROOT.glob(pattern)}
        line = text.count("\n", 0, match.start()) + 1
        for name in sorted(files.keys() - set(named)):
            yield f"{files[name]}:1: is not in {suite}_tests of scripts/regress: nobody runs it"
        for name in sorted(set(named) - files.keys()):
            yield f"scripts/regress:{line}: {suite}_tests: there is no {pattern.replace('*', name)}"


def main():
    folders = read_folders()
    problems = []
    for folder, names in sorted(folders.items()):
        problems += check_folder(folder, names)
    for room in ROOMS:
        problems += check_may_touch(room) if "README.md" in folders[room] else []
    problems += check_drawing()
    problems += check_tests()
    print("\n".join(problems))
    print(f"{len(folders)} rooms checked")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
