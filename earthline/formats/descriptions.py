"""Descriptions of arrays in NumPy's format are written as Python, and read by one thread at a time.

NumPy reads them by `ast.literal_eval`. Up to Python 3.11.7 and 3.12.1 two threads that do so at once may end with
"SystemError: AST constructor recursion depth mismatch" (https://github.com/python/cpython/issues/106905).
"""

import threading

READING = threading.Lock()
"""Held while a description is read."""
