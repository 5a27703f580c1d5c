"""A text that the database cannot keep or look for, such as one with NUL on PostgreSQL, is a bad request, not our mistake."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin


class UnkeepableText(MiddlewareMixin):
    """Every page and download passes here; the APIs say it in their own shapes."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Django answers 400 to what is raised here."""
        if isinstance(exception, DataError):
            raise BadRequest("a text has a sign that the database cannot keep") from exception
        return None
