"""The OpenAPI document: every route, request, answer and problem of the service, as plain data."""

from serving.openapi.document import document

__all__ = ["document"]
