"""The app that a Django project installs."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.core.signals import setting_changed

from wf.contrib.django.checks import check_settings
from wf.contrib.django.clients import forget


class WfConfig(AppConfig):
    """Settings, checks, commands and admin pages of wf."""

    name = "wf.contrib.django"
    label = "wf"
    verbose_name = "Workflows"

    def ready(self) -> None:
        """Let `manage.py check` look at the settings, and tests override them."""
        checks.register(check_settings, "wf")
        setting_changed.connect(forget)
