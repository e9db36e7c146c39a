"""Requests into tiles and tiles into answers, in each of the formats that Earth Engine sends."""

from serving.payloads.instances import Array, Request, RequestError, Tile, answer_bytes, groups, read

__all__ = ["Array", "Request", "RequestError", "Tile", "answer_bytes", "groups", "read"]
