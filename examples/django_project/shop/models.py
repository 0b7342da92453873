"""Products and orders."""

from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=100, unique=True)
    stock = models.PositiveIntegerField()  # Postgres refuses to go below 0

    def __str__(self):
        return self.name


class Order(models.Model):
    class Status(models.TextChoices):
        NEW = "new"
        PAID = "paid"
        CANCELLED = "cancelled"

    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    quantity = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    receipt = models.CharField(max_length=100, blank=True)

    @property
    def workflow_id(self):
        return f"order-{self.pk}"

    def as_dict(self):
        return {"id": self.pk, "product": self.product.name, "status": self.status, "receipt": self.receipt}
