"""Which lines of a step's log are the step's own, and which of them tells how far it is."""

import re
from collections.abc import Iterable, Iterator, Sequence

# Lines of KFP's executor, of native code such as TensorFlow's (severity, date, time), and notes of libraries.
_FOREIGN = re.compile(
    r"(\[KFP Executor|Wrote executor output|WARNING: All log messages before absl|[IWE]\d{4} \d|(INFO|DEBUG):[\w.]+:)"
)
_TEXT = r'"(?:[^"\\]|\\.)*"'
# A line of JSON that is written over many lines: brackets, a field, a text or another value.
_JSON_PART = re.compile(rf"\s*(?:[{{}}\[\]]+|{_TEXT}: .*|{_TEXT}|-?\d[\d.eE+-]*|true|false|null),?\s*")
_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def is_foreign(line: str) -> bool:
    """True for a line of KFP's executor or of a native library; the JSON that follows the executor's is not seen.

    Args:
        line: One line of a log.
    """
    return bool(_FOREIGN.match(line))


def own_lines(lines: Iterable[str]) -> Iterator[str]:
    """What the step itself said: neither KFP's executor with its JSON, nor a native library, nor a blank line.

    Args:
        lines: A log from its beginning, oldest line first.
    """
    in_json = False
    for line in lines:
        if is_foreign(line):
            in_json = line.endswith("executor_input:")
            continue
        # The executor prints its input over many lines.
        in_json = in_json and bool(_JSON_PART.fullmatch(line))
        if not in_json and line.strip():
            yield line


def progress(lines: Sequence[str]) -> str:
    """The newest line that tells a reader something, without spaces around it; empty where there is none.

    The lines are a log's end, which may begin in the middle of the executor's JSON. So every line of a JSON that spans
    several is left out, whoever wrote it, as are rules, brackets and the like, which hold no letter and no digit.

    Args:
        lines: The end of a log, oldest line first.
    """
    for line in reversed(lines):
        text = _TERMINAL_CODE.sub("", line).strip()
        if any(map(str.isalnum, text)) and not is_foreign(text) and not _JSON_PART.fullmatch(text):
            return text
    return ""
