"""wf in Django projects: `INSTALLED_APPS += ["wf.contrib.django"]`.

::

    from wf.contrib.django import workflow

    with transaction.atomic():
        order = Order.objects.create(...)
        workflow("order").create(id=f"order-{order.pk}", params={"order": order.pk})    # both, or neither

`WF` in the project's settings says where things are (`wf.contrib.django.conf`), `workflows.py` of each app holds its
workflows, `manage.py wf ...` is the command line `wf`, and the admin shows the instances.
"""

from wf.contrib.django.clients import CannotJoin, client, workflow
from wf.contrib.django.conf import settings

__all__ = ["CannotJoin", "client", "settings", "workflow"]
