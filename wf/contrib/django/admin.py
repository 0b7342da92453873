"""The admin's pages: a list of instances, one instance with its steps, and what moves instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import connections
from django.http import HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils.functional import cached_property

from wf.contrib.django.clients import client
from wf.contrib.django.conf import joined_alias, settings
from wf.contrib.django.models import Instance
from wf.contrib.django.showing import shown
from wf.descriptions import to_show
from wf.errors import InstanceNotFound, WfError
from wf.plain import plain
from wf.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wf.instance import Instance as ClientInstance

AT_ONCE = 100
"""Instances that one action moves at most, and that one page shows."""

EXTENT = to_show(5000)
"""How much of an instance its page shows."""


class BoundedPaginator(Paginator):
    """Counts no further than it shows: to count a million rows takes longer than anybody waits."""

    PAGES = 10

    @cached_property
    def count(self) -> int:
        """How many there are, or the most that is shown; filters and search lead to the others."""
        return int(self.object_list[: self.per_page * self.PAGES].count())


class _Filter(admin.SimpleListFilter):
    """A filter by one column whose values are known without looking at the instances."""

    def queryset(self, request: Any, queryset: Any) -> Any:
        """The instances with the value that was chosen."""
        return queryset if self.value() is None else queryset.filter(**{self.parameter_name: self.value()})


class WorkflowFilter(_Filter):
    """By workflow."""

    title = parameter_name = "workflow"

    def lookups(self, request: Any, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The registered ones."""
        return [(name, name) for name in client().catalog.workflows()]


class StatusFilter(_Filter):
    """By status."""

    title = parameter_name = "status"

    def lookups(self, request: Any, model_admin: Any) -> Iterable[tuple[str, str]]:
        """All that there are."""
        return [(str(status), str(status)) for status in Status]


class VersionFilter(_Filter):
    """By version."""

    title = parameter_name = "version"

    def lookups(self, request: Any, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The registered ones, of any workflow."""
        with connections[client().alias].cursor() as cursor:
            cursor.execute("select distinct jsonb_object_keys(versions) from wf.workflow order by 1")
            return [(version, version) for (version,) in cursor.fetchall()]


@admin.register(Instance)
class InstanceAdmin(admin.ModelAdmin):
    """Instances to look at, for who may view them, and to steer, for who may change them.

    The journal must be in one of `DATABASES`; otherwise there is nothing to see.
    """

    actions = ("pause", "resume", "restart", "terminate")
    list_display = ("instance_id", "workflow", "version", "status", "created_at", "started_at", "ended_at")
    list_filter = (WorkflowFilter, StatusFilter, VersionFilter)
    list_per_page = list_max_show_all = AT_ONCE
    paginator = BoundedPaginator
    search_fields: ClassVar = ["instance_id"]
    search_help_text = "An id, whole."
    show_full_result_count = False
    sortable_by = ()

    def get_queryset(self, request: Any) -> Any:
        """The instances, from the database that holds the journal."""
        return super().get_queryset(request).using(_alias())

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Those of one id. The workflows are named, because that is how the index of ids begins."""
        if term := search_term.strip():
            queryset = queryset.filter(workflow__in=list(client().catalog.workflows()), instance_id=term)
        return queryset, False

    def has_add_permission(self, request: Any) -> bool:
        """Apps create instances, with what they need."""
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        """An instance is more than its row: `wf instances delete` removes it."""
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        """Who may steer, if there is anything."""
        return _alias() is not None and super().has_change_permission(request, obj)

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        """Who may look, if there is anything."""
        return _alias() is not None and super().has_view_permission(request, obj)

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """One instance with everything about it, to read."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        found = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, found):
            raise PermissionDenied
        try:
            told = None if found is None else _described(found)
        except InstanceNotFound:  # removed in between
            told = None
        if told is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return self._page(request, "wf/instance.html", title=str(found), **shown(told))

    @admin.action(description="Pause selected instances", permissions=["change"])
    def pause(self, request: Any, queryset: Any) -> None:
        """No step begins any more."""
        self._move(request, queryset, "paused", lambda instance: instance.pause())

    @admin.action(description="Resume selected instances", permissions=["change"])
    def resume(self, request: Any, queryset: Any) -> None:
        """Go on after a pause."""
        self._move(request, queryset, "resumed", lambda instance: instance.resume())

    @admin.action(description="Restart selected instances from the start", permissions=["change"])
    def restart(self, request: Any, queryset: Any) -> None:
        """Begin again, whatever the status."""
        self._move(request, queryset, "restarted", lambda instance: instance.restart())

    @admin.action(description="Terminate selected instances", permissions=["change"])
    def terminate(self, request: Any, queryset: Any) -> Any:
        """Stop them for good, after a page that asks whether that is meant."""
        if "confirmed" in request.POST:
            rollback = "rollback" in request.POST
            return self._move(request, queryset, "terminated", lambda instance: instance.terminate(rollback=rollback))
        if (chosen := self._chosen(request, queryset)) is None:
            return None
        names = {"instances": chosen, "checkbox": ACTION_CHECKBOX_NAME}
        return self._page(request, "wf/terminate.html", title="Terminate these instances?", **names)

    def _move(self, request: Any, queryset: Any, done: str, act: Callable[[ClientInstance], None]) -> None:
        """Act on each instance, in the name of the user, and tell what came of it."""
        acting = client().acting_as(f"django:{request.user.get_username()}")
        moved = 0
        for row in self._chosen(request, queryset) or []:
            try:
                act(acting.workflow(row.workflow).get(row.instance_id))
                moved += 1
            except WfError as error:
                self.message_user(request, str(error), messages.ERROR)
        if moved:
            self.message_user(request, f"{moved} instance(s) {done}.", messages.SUCCESS)

    def _chosen(self, request: Any, queryset: Any) -> list[Any] | None:
        """The instances to act on, unless there are too many for one request; then this is told, and nothing done."""
        if len(rows := list(queryset[: AT_ONCE + 1])) <= AT_ONCE:
            return rows
        self.message_user(request, f"Select {AT_ONCE} instances at most. None was changed.", messages.ERROR)
        return None

    def _page(self, request: Any, template: str, **context: Any) -> Any:
        given = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, template, given)


def _alias() -> str | None:
    return joined_alias(settings())


def _described(found: Instance) -> Any:
    return client().catalog.describe(found.workflow, found.instance_id, read=plain, extent=EXTENT)
