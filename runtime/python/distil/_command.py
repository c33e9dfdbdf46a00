# SPDX-License-Identifier: Apache-2.0
"""The command ``distil`` that the wheel carries beside the library."""

from __future__ import annotations

import os
import subprocess

from ._library import CommandError

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "distil")


def convert(folder: str | os.PathLike[str], out: str | os.PathLike[str],
            calibrate: str | os.PathLike[str] | None = None) -> str:
    """Convert a folder of Hugging Face transformers to a model.

    Parameters
    ----------
    folder
        The folder, with the configuration, the tokenizer and the weights. docs/checkpoints.md says
        which models can be converted.
    out
        The file to write. It appears whole or not at all.
    calibrate
        A file with one text on each line. The weights are rounded so that the answers to such texts
        change least.

    Returns
    -------
    The path of the new file, for ``Model``.

    Raises
    ------
    CommandError
        The folder cannot be converted; the message says why, and what to do.
    """
    arguments = [PATH, "convert", "-o", os.fspath(out)]
    if calibrate is not None:
        arguments += ["--calibrate", os.fspath(calibrate)]
    done = subprocess.run([*arguments, "--", os.fspath(folder)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip()
        raise CommandError(done.returncode, message or f"{PATH} ended with {done.returncode}")
    return os.fspath(out)
