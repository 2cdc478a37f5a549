"""Checks that no modules include each other in a cycle. A module is the .hpp and .cpp of one name."""
import sys

from includes import ROOT, includes_of, resolve, sources


def module_of(path):
    return path.relative_to(ROOT).with_suffix("").as_posix()


def read_arrows():
    """read_arrows gives module -> module that it includes -> the (file, line) of the first such include."""
    arrows = {}
    for path in sources():
        own = arrows.setdefault(module_of(path), {})
        for line, _, include in includes_of(path):
            target = resolve(include, path)
            if target is not None and module_of(target) != module_of(path):
                own.setdefault(module_of(target), (path, line))
    return arrows


def find_circles(arrows):
    """find_circles gives the groups of modules that include each other in a cycle (Tarjan's algorithm)."""
    number, low, stack, circles = {}, {}, [], []

    def visit(module):
        number[module] = low[module] = len(number)
        stack.append(module)
        for target in arrows.get(module, {}):
            if target not in number:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], number[target])
        if low[module] == number[module]:
            circle = stack[stack.index(module):]
            del stack[stack.index(module):]
            if len(circle) > 1:
                circles.append(circle)

    for module in sorted(arrows):
        if module not in number:
            visit(module)
    return circles


def main():
    sys.setrecursionlimit(10000)
    arrows = read_arrows()
    circles = find_circles(arrows)
    for circle in circles:
        for module in circle:
            for target, (path, line) in arrows[module].items():
                if target in circle:
                    print(f"{path.relative_to(ROOT)}:{line}: {module} and {target} include each other")
    print(f"{len(arrows)} modules checked")
    return 1 if circles else 0


if __name__ == "__main__":
    sys.exit(main())
