"""Answers lines of JSON, [pattern, [tag, ...]], with [true, false, ...] or the error's text."""

import json
import re
import sys
import warnings

warnings.simplefilter("ignore")


def fullmatch(compiled, tag):
    try:
        return compiled.fullmatch(tag) is not None
    except SystemError:  # "please report a bug for the re module": no answer
        return None


print(json.dumps(list(sys.version_info[:2])), flush=True)
for line in sys.stdin:
    pattern, tags = json.loads(line)
    try:
        compiled = re.compile(pattern)
        answer = [fullmatch(compiled, tag) for tag in tags]
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        answer = str(error)
    print(json.dumps(answer))
