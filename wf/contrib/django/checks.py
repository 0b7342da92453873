"""What `manage.py check` says of the settings."""

from __future__ import annotations

from typing import Any

from django.core.checks import Error

from wf.contrib.django.conf import joined_alias, settings
from wf.errors import WfError


def check_settings(**_: object) -> list[Any]:
    """One error if the settings cannot be used; nothing is connected to."""
    try:
        joined_alias(settings())
    except WfError as error:
        hint = "WF['LEASE'] in the Django settings takes the place of the variable WF_LEASE, and so for each setting."
        return [Error(str(error), hint=hint, id="wf.E001")]
    return []
