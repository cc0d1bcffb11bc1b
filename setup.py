"""The one part of the package that is not Python. Everything else about it is in pyproject.toml."""

import sys
import sysconfig

from setuptools import Extension, setup

# One build serves Python 3.11 and newer, but for those without a global lock, which have no limited API.
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")

SEND_ALL = Extension(
    "nannin.engine._send_all",
    ["src/nannin/engine/_send_all.c"],
    py_limited_api=LIMITED,
    # Without what a debugger would need, which has paths in it: the same source is the same bytes everywhere.
    extra_compile_args=[] if sys.platform == "win32" else ["-g0"],
    optional=True,  # where it cannot be built, its twin in Python does the same
)

setup(
    ext_modules=[] if sys.platform == "win32" or not LIMITED else [SEND_ALL],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
)
