"""Conformance suites: call the one of your plugin's kind from a test.

    def test_the_contract_is_kept(tmp_path):
        check_input(lambda: FloppyInput(...), expected=image)

Each returns when every rule of the contract is kept and raises a ContractViolation that
states the first rule that is not. They need no test framework.
"""

from __future__ import annotations

from occystrap_core.testing.conformance.check import check_rule
from occystrap_core.testing.conformance.filter import check_filter, everything
from occystrap_core.testing.conformance.input import check_input
from occystrap_core.testing.conformance.output import check_output
from occystrap_core.testing.conformance.plugin import check_plugin
from occystrap_core.testing.conformance.verifier import check_verifier
from occystrap_core.testing.contract import ContractViolation

__all__ = [
    "ContractViolation",
    "check_filter",
    "check_input",
    "check_output",
    "check_plugin",
    "check_rule",
    "check_verifier",
    "everything",
]
