"""Where the pages are."""

from django.contrib import admin
from django.urls import path
from shop import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("orders", views.create),
    path("orders/<int:order_id>", views.show),
    path("orders/<int:order_id>/pay", views.pay),
]
