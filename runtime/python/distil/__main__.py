# SPDX-License-Identifier: Apache-2.0
"""``python -m distil`` is the command ``distil`` of the wheel, with the same arguments."""

import os
import sys

from ._command import PATH

os.execv(PATH, ["distil", *sys.argv[1:]])
