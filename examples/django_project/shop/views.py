"""The shop's API."""

import json

from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from shop.models import Order, Product
from wf import InstanceFinished
from wf.contrib.django import workflow


@csrf_exempt  # called by programs, which have no session that could be abused
@require_POST
def create(request):
    """Order something. Order, workflow and stock: all of them, or none."""
    wanted = json.loads(request.body)
    product = get_object_or_404(Product, name=wanted["product"])
    try:
        with transaction.atomic():
            order = Order.objects.create(product=product, quantity=wanted["quantity"])
            workflow("order").create(id=order.workflow_id, params={"order": order.pk})
            Product.objects.filter(pk=product.pk).update(stock=F("stock") - order.quantity)
    except IntegrityError:
        return JsonResponse({"error": "sold out"}, status=409)
    return JsonResponse(order.as_dict(), status=201)


@require_GET
def show(request, order_id):
    """What has become of an order."""
    return JsonResponse(get_object_or_404(Order, pk=order_id).as_dict())


@csrf_exempt  # as above
@require_POST
def pay(request, order_id):
    """Tell the workflow that the money is there."""
    order = get_object_or_404(Order, pk=order_id)
    try:
        workflow("order").get(order.workflow_id).send_event("paid", json.loads(request.body))
    except InstanceFinished:
        return JsonResponse({"error": "too late"}, status=409)
    return JsonResponse({"accepted": True}, status=202)
