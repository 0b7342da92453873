"""How errors of clients become answers."""

from __future__ import annotations

import pytest

from wf_api.problems import InvalidRequest, as_given


def test_a_value_that_cannot_be_used_is_the_callers_fault() -> None:
    """With the notes that say which entry of a batch it is."""
    fault = ValueError("no such key.")
    fault.add_note("Entry 3.")
    with pytest.raises(InvalidRequest, match=r"^no such key\. Entry 3\.$"), as_given():
        raise fault


def test_any_other_error_is_ours() -> None:
    """A slip in our own code must not be told to the caller as a slip of theirs."""
    with pytest.raises(TypeError), as_given():
        len(5)  # type: ignore[arg-type]
