"""Requests into tiles and tiles into answers, in each of the formats that Earth Engine sends."""

from serving.payloads.bodies import read
from serving.payloads.requests import Request
from serving.payloads.tiles import Array, RequestError, Tile

__all__ = ["Array", "Request", "RequestError", "Tile", "read"]
