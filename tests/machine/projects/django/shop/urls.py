"""One page that asks the database, and the admin."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def home(request: HttpRequest) -> HttpResponse:
    words = f"{connection.vendor} {User.objects.count()} {settings.GREETING}"
    return HttpResponse(f"django {words}\n")


urlpatterns = [path("", home), path("admin/", admin.site.urls)]
