"""CPython's side of the interchange tests.

    peer.py make DIR     write pickles of every shape into DIR, with a line of JSON for each in DIR/cases.jsonl
    peer.py fixtures DIR write the selection that the repository keeps: small pickles as hex in DIR/cpython.jsonl, large as files
    peer.py check DIR    load each DIR/<name>.value and DIR/<name>.entry with both of CPython's unpicklers

The shapes come from both of CPython's picklers (`pickle.dumps`, in C, and `pickle._dumps`, in Python), from
`Pickler.fast` and from `pickletools.optimize`, which leave out memo opcodes in different ways.
"""

import io
import json
import pathlib
import pickle
import pickletools
import sys
from fractions import Fraction

TAGS = {
    "ascii": "iter0",
    "empty": "",
    "russian": "чип/итерация 7",
    "emoji": "\U0001f9ea\n\0..",
    "len255": "a" * 255,
    "len256": "b" * 256,
}
LONG_TAG = "t" * 70_000


def values(tag):
    shared = [1, 2.5]
    return {
        "none": None,
        "int": 7,
        "tag": tag,
        "twice": [tag, shared, shared, {"tag": tag}],
        "bytes": b"\x00\x86.\x94q" * 3,
        "text": "naïve\x86.",
        "pair": (tag, (1, 2)),
        # The tuple's own memo number is 0x86, the opcode TUPLE2, in protocols 2 and 3.
        "number86": [[i] for i in range(132)],
        "many": [[str(i)] for i in range(200)],
        "object": Fraction(3, 7),
    }


def large_values():
    return {
        "large_bytes": b"\x2e\x86" * 40_000,
        "large_text": "x" * 70_000,
        "large_mixed": [b"y" * 66_000, "z", b"w" * 66_000, "end"],
        "frames": list(range(30_000)),
        "large_buffer": bytearray(b"q" * 70_000),
    }


def fast(pickler):
    def dumps(entry, protocol):
        out = io.BytesIO()
        made = pickler(out, protocol)
        made.fast = True
        made.dump(entry)
        return out.getvalue()

    return dumps


MAKERS = {
    "c": pickle.dumps,
    "py": pickle._dumps,
    "fastc": fast(pickle.Pickler),
    "fastpy": fast(pickle._Pickler),
    "optimized": lambda entry, protocol: pickletools.optimize(pickle.dumps(entry, protocol)),
}


class RunsCode:
    def __reduce__(self):
        return (open, ("executed", "w"))


def cases():
    for protocol in (2, 3, 4, 5):
        for maker, dumps in MAKERS.items():
            for tag_name, tag in TAGS.items():
                for name, value in values(tag).items():
                    yield f"{tag_name}-{name}-{maker}-{protocol}", tag, dumps((tag, value), protocol)
            for name, value in large_values().items():
                yield f"ascii-{name}-{maker}-{protocol}", "iter0", dumps(("iter0", value), protocol)
            for name in ("int", "tag", "twice"):
                value = values(LONG_TAG)[name]
                yield f"long-{name}-{maker}-{protocol}", LONG_TAG, dumps((LONG_TAG, value), protocol)
        yield f"ascii-code-c-{protocol}", "iter0", pickle.dumps(("iter0", RunsCode()), protocol)


def foreign():
    recursive = []
    recursive.append(("t", recursive))
    for protocol in (2, 3, 4, 5):
        for name, value in {
            "triple": ("t", 1, 2),
            "single": ("t",),
            "list": ["t", 1],
            "text": "t",
            "dict": {"t": 1},
            "int_tag": (1, 2),
            "bytes_tag": (b"t", 2),
            "none": None,
            "recursive": recursive[0],
        }.items():
            yield f"{name}-{protocol}", pickle.dumps(value, protocol)
        yield f"surrogate-{protocol}", pickle.dumps(("\ud800", 1), protocol)
    for protocol in (0, 1):
        yield f"old-{protocol}", pickle.dumps(("t", 1), protocol)
    yield "two-4", pickle.dumps("t") + pickle.dumps((1, 2))


def make(folder):
    lines = []
    for name, tag, data in cases():
        (folder / f"{name}.pkl").write_bytes(data)
        lines.append({"name": name, "tag": tag})
    for name, data in foreign():
        (folder / f"foreign-{name}.pkl").write_bytes(data)
        lines.append({"name": f"foreign-{name}", "tag": None})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "cases.jsonl").write_text(text, encoding="utf-8")


def fixtures(folder):
    lines = []
    for name, tag, data in cases():
        if len(data) < 4096 and name.startswith(("ascii-", "russian-", "len256-int")):
            lines.append({"name": name, "tag": tag, "pickle": data.hex()})
        elif name in ("ascii-large_mixed-c-4", "ascii-frames-c-5", "long-twice-c-4"):
            (folder / f"{name}.pkl").write_bytes(data)
    lines += [{"name": f"foreign-{name}", "tag": None, "pickle": data.hex()} for name, data in foreign()]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "cpython.jsonl").write_text(text, encoding="utf-8")


def check(folder):
    """Each .value loads as `data`, each .entry as `(tag, data)`, and nothing follows STOP."""
    checked = 0
    for value_path in sorted(folder.glob("*.value")):
        if "-code-" in value_path.name:
            continue
        tag, data = pickle.loads(value_path.with_suffix(".pkl").read_bytes())
        alone = value_path.read_bytes()
        entry = value_path.with_suffix(".entry").read_bytes()
        for load in (pickle.load, pickle._load):
            for content, expected in ((alone, data), (entry, (tag, data))):
                source = io.BytesIO(content)
                found = load(source)
                assert found == expected and type(found) is type(expected), (value_path, load)
                assert source.read() == b"", (value_path, load, "bytes after STOP")
        if len(entry) < 1024:  # pickletools also checks that STOP leaves the stack empty, but slowly
            pickletools.dis(alone, io.StringIO())
            pickletools.dis(entry, io.StringIO())
        checked += 1
    print(checked)


if __name__ == "__main__":
    {"make": make, "fixtures": fixtures, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
