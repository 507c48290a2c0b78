"""How the test kit says that a plugin, or the engine, broke a contract."""

from __future__ import annotations


class ContractViolation(AssertionError):
    """The text is the rule that was broken, and how."""


def require(condition: object, rule: str) -> None:
    if not condition:
        raise ContractViolation(rule)
