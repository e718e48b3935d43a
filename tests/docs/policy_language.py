"""Holds docs/formats/policy.md and calendar.md against the parser and the files.

Every statement and clause of the grammar tables in core/policy_grammar.c has its row
in the page, marked as the parser marks it, and the page has no other rows; every line
of an example stands in a file that the unit tests parse.
"""

import re
import sys
from pathlib import Path

PAGE = Path("docs/formats/policy.md")
EXAMPLES = (PAGE, Path("docs/formats/calendar.md"))
FILES = ("policies/*.policy", "policies/*.calendar", "vectors/policy/*.policy",
         "vectors/calendar/*.calendar")


def c_strings(text):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))


def grammar():
    """{statement head: (later, {clause: (how often, mark)})} from the parser's tables."""
    source = Path("core/policy_grammar.c").read_text(encoding="utf-8")
    heads, statements = {}, {}
    row = r'\[(DEMUR_ST_\w+)\] = \{"([^"]*)", "([^"]*)", \w+, \w+, (\w+)\}'
    for key, name, head, later in re.findall(row, source):
        heads[key] = f"{name} {head}".strip()
        statements[heads[key]] = (later == "true", {})
    row = r'\{(DEMUR_ST_\w+),\s*"([^"]*)",((?:\s*"[^"]*")+),\s*([\w |]+)\}'
    for key, name, spec, flags in re.findall(row, source):
        flags = set(flags.split(" | "))
        often = "many" if "MANY" in flags else "each" if "EACH" in flags else "one"
        if "REQUIRED" in flags:
            often = f"**{often}**"
        elif often == "one":
            often = ""
        mark = "later" if "LATER" in flags else "shown" if "TEXT" in flags else ""
        statements[heads[key]][1][f"{name} {c_strings(spec)}".strip()] = (often, mark)
    return statements


def page():
    """The same from the page's headings and rows."""
    statements, at, texts = {}, None, PAGE.read_text(encoding="utf-8")
    part = texts[texts.index("## 3. Statements"):texts.index("## 4. Laws")]
    for line in part.splitlines():
        heading = re.fullmatch(r"### `(.*)`", line)
        row = re.fullmatch(r"\| `(.*?)` \| (.*?) ?\| ?(.*?) ?\|", line)
        if heading:
            at = statements[heading[1].replace("\\|", "|")] = [False, {}]
        elif row:
            mark = re.match(r"(later|shown)\b", row[3])
            at[1][row[1].replace("\\|", "|")] = (row[2], mark[1] if mark else "")
        elif at is not None and line.startswith("Later."):
            at[0] = True
    return {head: tuple(both) for head, both in statements.items()}


def compare(want, got):
    for head in sorted(want.keys() | got.keys()):
        if head not in want or head not in got:
            yield f"{head}: only in the {'page' if head in got else 'parser'}"
            continue
        (later, clauses), (page_later, page_clauses) = want[head], got[head]
        if later != page_later:
            yield f"{head}: later in the {'parser' if later else 'page'} only"
        for clause in sorted(clauses.keys() | page_clauses.keys()):
            # All of a `matter` and a `rule` is for people, though the parser stores it.
            parser, rows = clauses.get(clause), page_clauses.get(clause)
            if parser and rows and parser[0] == rows[0] and rows[1] == "shown" and not parser[1]:
                if head.split()[0] in ("matter", "duty", "rule"):
                    continue
            if parser != rows:
                yield f"{head}: {clause}: the parser has {parser}, the page {rows}"


def examples():
    lines = set()
    for pattern in FILES:
        for path in Path(".").glob(pattern):
            lines |= set(path.read_text(encoding="utf-8").splitlines())
    for path in EXAMPLES:
        blocks = re.findall(r"```(?:policy|calendar)\n(.*?)```", path.read_text(encoding="utf-8"), re.S)
        if not blocks:
            yield f"{path}: no example was found"
        for block in blocks:
            for line in block.splitlines():
                if line not in lines:
                    yield f"{path}: no tested file has the line: {line}"


def report(name, faults):
    faults = list(faults)
    print(f"{'FAIL' if faults else 'ok'} {name}")
    for fault in faults:
        print(f"  {fault}")
    return bool(faults)


def main():
    want = grammar()
    clauses = sum(len(both[1]) for both in want.values())
    failed = report(f"policy.md has the parser's {len(want)} statements and {clauses} clauses",
                    compare(want, page()))
    failed |= report("the examples' lines are in tested files", examples())
    if len(want) < 30 or clauses < 150:
        failed |= report("the parser's tables were read", ["too few rows: has their form changed?"])
    return failed


if __name__ == "__main__":
    sys.exit(main())
