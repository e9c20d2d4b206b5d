"""Answers `re.fullmatch` for lines of JSON: [pattern, [tag, ...]] -> [bool, ...] or an error."""

import json
import re
import sys
import warnings

warnings.simplefilter("ignore")
print(json.dumps(list(sys.version_info[:2])), flush=True)
for line in sys.stdin:
    pattern, tags = json.loads(line)
    try:
        compiled = re.compile(pattern)
        answer = [compiled.fullmatch(tag) is not None for tag in tags]
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        answer = str(error)
    print(json.dumps(answer))
