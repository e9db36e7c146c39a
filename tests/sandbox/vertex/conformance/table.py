"""The table of constructs: prints it, or writes it into a page between its marks: `python table.py [PAGE]`."""

import importlib
import sys
from pathlib import Path

BEGIN, END = "<!-- constructs: begin -->\n", "<!-- constructs: end -->\n"


def table() -> str:
    rows = ["| construct | sandbox | kfp.local 2.17 | Vertex AI as documented |", "|---|---|---|---|"]
    for path in sorted(Path(__file__).with_name("constructs").glob("*.py")):
        construct = importlib.import_module(f"constructs.{path.stem}")
        link = f"[{path.stem}](../../tests/sandbox/vertex/conformance/constructs/{path.name})"
        cells = [
            f"{construct.CONSTRUCT} ({link})",
            construct.SANDBOX,
            construct.LOCAL,
            f"{construct.VERTEX} ([source]({construct.SOURCE}))",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    if len(sys.argv) == 1:
        print(table(), end="")
        return
    page = Path(sys.argv[1])
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
