# SPDX-License-Identifier: Apache-2.0
"""``python -m distil`` is the command ``distil`` of the wheel, with the same arguments. Its model is
that of the package ``distil_sst2``, if it is installed and DISTIL_MODEL names no other."""

import contextlib
import importlib
import os
import sys

from ._command import PATH

if not os.environ.get("DISTIL_MODEL"):
    with contextlib.suppress(ImportError):
        os.environ["DISTIL_MODEL"] = importlib.import_module("distil_sst2").path
os.execv(PATH, ["distil", *sys.argv[1:]])
