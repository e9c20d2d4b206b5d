"""The tables of `docs/coming-from-python.md`: each row has tests that hold it, and they are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/coming-from-python.md"

# The first cell of each row, as it begins, and the tests that hold it.
HELD = {
    "chia-ray alone": ["test_r42_alone_our_wheel_serves_the_originals_names_always"],
    "chia-ray and chialoops": [
        "test_r42_in_any_order_the_original_keeps_its_files_and_its_names",
        "test_r42_an_editable_original_keeps_its_modules",
        "test_r42_a_checkout_on_the_path_keeps_its_modules",
    ],
    "both, with": [
        "test_enable_is_as_good_as_the_variable",
        "test_r42_the_engine_reaches_the_workers_by_itself",
    ],
    "a result is written when": [
        "test_r12_a_result_is_in_the_cache_before_it_is_seen",
        "test_r12_results_of_a_killed_driver_are_in_the_cache",
    ],
    "a dead cache": [
        "test_r13_a_dead_cache_fails_no_call",
        "test_r13_what_cannot_be_written_is_reported_and_counted",
    ],
    "a cache that hangs": ["test_r21_a_cache_that_hangs_is_a_miss_in_bounded_time"],
    "a tagged call asks": ["test_r05_the_condition_is_the_last_gate_on_the_caller"],
    "opening reads": ["test_r16_opening_runs_nothing_that_lies_in_the_directory"],
    "the cache is asked": ["test_r21_driver_and_workers_ask_the_cache_directly"],
    "a typo in an entry": ["test_r02_every_problem_is_reported_at_once"],
    "a cached call returns": ["test_r23_references_are_arguments_and_results_are_passed_on"],
    "a profiled result": ["test_r42_the_profiler_sees_every_call_and_what_depends_on_what"],
    "each job has a cache": ["test_r21_starting_again_attaches_resizes_or_refuses"],
    "a bypassed function": [
        "test_r08_nothing_to_replace_with_runs_and_says_so_once",
        "test_r08_under_strict_rules_nothing_runs_that_should_be_replaced",
        "test_r03_an_unknown_name_is_an_error_under_strict_rules",
    ],
    "a provider for a misspelt": ["test_a_provider_or_condition_for_a_misspelt_function_is_warned_about"],
    "a condition that forgets": ["test_a_condition_that_forgets_to_get_is_an_error"],
    "a value is unpickled": ["test_a_value_is_unpickled_where_it_is_received_and_not_in_the_actor"],
    "a parameter called": ["test_parameters_may_have_any_name"],
    "a changed argument": ["test_r27_the_change_of", "test_r27_the_five_lines_that_made_a_replay_untrusted"],
    "a failed run is kept": ["test_r28_and_r30_on_ray"],
    "a value that the original rewrote": ["test_r20_a_value_that_the_original_rewrote_is_taken"],
    "a cache goes back": [
        "test_r20_a_cache_goes_to_the_original_and_comes_back",
        "test_r20_a_running_cache_is_exported_for_the_original",
    ],
}


def rows() -> list[str]:
    """The first cells of all rows, but for headings."""
    found = re.findall(r"^\| (.*?) \|.*\n(?!\|---)", PAGE.read_text() + "\n", re.MULTILINE)
    return [cell for cell in found if not cell.startswith("---")]


def defined() -> set[str]:
    """The names of all tests."""
    names: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                names.add(node.name)
    return names


def test_every_row_is_held_by_tests_that_are_there() -> None:
    table = rows()
    unheld = [row for row in table if not any(row.startswith(start) for start in HELD)]
    gone = [start for start in HELD if not any(row.startswith(start) for row in table)]
    assert not unheld and not gone and len(table) == len(HELD)
    missing = {name for names in HELD.values() for name in names} - defined()
    assert not missing
