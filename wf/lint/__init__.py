"""`wf lint`: the Rules of Workflows, checked in the source of `run`, which is never imported.

How it looks at a file::

    files      which files, and their text
    scopes     who is the parent of each node, and what each name of each scope is bound to
    values     what an expression may be: the step object, the event, a step's future, `datetime.datetime.now`, ...
    names      follows names and parameters to what they are bound to
    resolve    tells the values of an expression, across imports, aliases, closures and attributes of `self`
    workflows  which classes are workflows, and their methods
    regions    which functions are executed by `run` (workflow code), and which by a step (step code)
    checks     one module per family of rules; each looks at the functions of one workflow
    report     findings as text, as JSON, or as annotations of GitHub

A rule speaks only when it is sure: a name that may be something else, an object of an unknown class, a function that is
handed to code which is not at hand, are passed over in silence.
"""

from __future__ import annotations

from wf.lint.findings import Finding
from wf.lint.linter import check_paths, check_source
from wf.lint.rules import RULES, Rule

__all__ = ["RULES", "Finding", "Rule", "check_paths", "check_source"]
