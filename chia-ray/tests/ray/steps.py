"""The Python functions that the tests' loops in Rust call: `tests.ray.steps`, seen from this crate."""

import asyncio
import time
from fractions import Fraction

import ray
from chia.base.bypass import get_active_bypass
from chia.base.cache import get_active_cache
from chia.base.ChiaFunction import ChiaFunction, get


def note(log, line):
    with open(log, "a") as file:
        file.write(f"{line}\n")


@ChiaFunction(num_cpus=99)
def simulate(report, log):
    note(log, "simulate")
    return {**report, "cells": report["cells"] + 1, "note": "simulated"}


async def fetch(data):
    await asyncio.sleep(0.01)
    return data[::-1]


def holds():
    return ray.get_runtime_context().get_assigned_resources()


class Tools:
    @staticmethod
    def third(log):
        note(log, "third")
        return Fraction(1, 3)


def describe(value):
    return f"{type(value).__name__} {value}"


def fails():
    raise ValueError("no licence")


def leaves():
    raise SystemExit(3)


def generates():
    return (number for number in range(3))


@ChiaFunction(num_cpus=0.1)
def inner(text, log):
    note(log, "inner")
    return f"ran {text}"


@ChiaFunction(num_cpus=0.1)
def middle(text, log):
    return get(inner.chia_remote(text, log, _chia_tag=text))


def outer(text, log):
    return get(middle.chia_remote(text, log))


def sees():
    """What the body itself sees of the rules."""
    data = get_active_bypass().get_provider_info("recorded")[1]
    return [get_active_bypass().file_server().get_text(data), get(get_active_cache().keys.chia_remote())[0]]


@ChiaFunction(num_cpus=0.1)
def recorded():
    return "computed"


def asks():
    return get(recorded.chia_remote(_chia_tag="any"))


def waits(log):
    note(log, "waits")
    try:
        # Ray interrupts between two steps of Python, not inside of one.
        while True:
            time.sleep(0.05)
    except KeyboardInterrupt:
        note(log, "interrupted")
        raise
