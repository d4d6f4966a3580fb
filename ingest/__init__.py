"""The service: takes events in, serves figures."""

from importlib.metadata import version

__version__ = version("upshot")
