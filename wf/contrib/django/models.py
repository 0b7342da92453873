"""What Django sees of the journal: its instances, to list them in the admin. Nothing is written through here."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Instance(models.Model):
    """An instance of a workflow; its table is the journal's, and `wf migrate` makes it."""

    key = models.BigIntegerField(primary_key=True)
    workflow = models.TextField()
    instance_id = models.TextField("id", db_column="id")
    version = models.TextField()
    status = models.TextField()
    trigger = models.TextField()
    created_at = models.DateTimeField("created")
    started_at = models.DateTimeField("started", null=True)
    ended_at = models.DateTimeField("ended", null=True)
    due_at = models.DateTimeField("next look", null=True)

    class Meta:  # noqa: D106  # Django's own word
        managed = False
        db_table = '"wf"."instance"'  # quoted as Django would: a table of another schema
        default_permissions = ("change", "view")
        ordering: ClassVar = ["-key"]

    def __str__(self) -> str:
        return f"{self.workflow} {self.instance_id}"
