# SPDX-License-Identifier: Apache-2.0
"""Makes the wheels of the Python package.

    make_wheel.py LIBDISTIL.SO DISTIL VERSION DIRECTORY
    make_wheel.py --model BLOB VERSION DIRECTORY

The first form writes DIRECTORY/distil-VERSION-py3-none-manylinux_2_N_x86_64.whl with the library
and the command, and prints its path. N comes from the newest version of glibc that either of them
asks for, so the name is true for the files that were given. The second form writes
DIRECTORY/distil_sst2-VERSION-py3-none-any.whl, which carries a blob. Needs Python only. The same
files give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import pathlib
import re
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
METADATA = """Metadata-Version: 2.1
Name: distil
Version: {version}
Summary: Classify text with DistilBERT in int8, the same answer on every x86-64 CPU
License: Apache-2.0
Requires-Python: >=3.9
Provides-Extra: arrow
Requires-Dist: pyarrow; extra == "arrow"
Provides-Extra: sst2
Requires-Dist: distil-sst2 == {version}; extra == "sst2"
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
"""
MODEL_METADATA = """Metadata-Version: 2.1
Name: distil-sst2
Version: {version}
Summary: A sentiment model (SST-2) for the package distil
License: Apache-2.0
Requires-Python: >=3.9
"""
MODEL_MODULE = '''# SPDX-License-Identifier: Apache-2.0
"""A sentiment model (SST-2) for the package distil: ``distil.Model(distil_sst2.path)``."""

import os

path: str = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sst2.distil")
'''
WHEEL = """Wheel-Version: 1.0
Generator: make_wheel
Root-Is-Purelib: {pure}
Tag: {tag}
"""


def glibc_minor(program: bytes) -> int:
    """The N of the newest GLIBC_2.N that a program or library asks for; 0 if it asks for none, as
    a static program does. Packed relocations are asked for by a name of their own, which glibc 2.36
    was the first to have."""
    named = [int(n) for n in re.findall(rb"GLIBC_2\.(\d+)", program)]
    return max([*named, 36 * (b"GLIBC_ABI_DT_RELR" in program)], default=0)


def check_version(version: str) -> None:
    """Stop if the package describes the interface of another version than that of the library."""
    text = (HERE / "distil/_abi.py").read_text(encoding="utf-8")
    own = re.findall(r'^VERSION = "(.*)"$', text, re.MULTILINE)
    if own != [version.rsplit(".", 1)[0]]:
        raise SystemExit(f"distil/_abi.py describes version {own[0]}, and the library has {version}")


def write(path: pathlib.Path, info: str, metadata: str, tag: str, files: dict[str, bytes]) -> None:
    for name in ("LICENSE", "NOTICE"):
        files[f"{info}/{name}"] = (ROOT / name).read_bytes()
    files[f"{info}/METADATA"] = metadata.encode()
    pure = str(tag.endswith("-any")).lower()
    files[f"{info}/WHEEL"] = WHEEL.format(pure=pure, tag=tag).encode()
    record = ""
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Installers make a file executable if it is marked like this.
            entry.external_attr = (0o100755 if "/bin/" in name else 0o100644) << 16
            wheel.writestr(entry, content)
    print(path)


def make_package(library: bytes, command: bytes, version: str, directory: pathlib.Path) -> None:
    check_version(version)
    if glibc_minor(library) == 0:
        raise SystemExit("the library asks for no glibc, so no manylinux tag is true for it")
    newest = max(glibc_minor(library), glibc_minor(command), 17)
    tag = f"py3-none-manylinux_2_{newest}_x86_64"
    files = {f"distil/{path.name}": path.read_bytes()
             for path in sorted((HERE / "distil").iterdir()) if path.suffix in (".py", ".typed")}
    files["distil/libdistil.so"] = library
    files["distil/bin/distil"] = command
    write(directory / f"distil-{version}-{tag}.whl", f"distil-{version}.dist-info",
          METADATA.format(version=version), tag, files)


def make_model(blob: bytes, version: str, directory: pathlib.Path) -> None:
    files = {"distil_sst2/__init__.py": MODEL_MODULE.encode(), "distil_sst2/py.typed": b"",
             "distil_sst2/sst2.distil": blob}
    write(directory / f"distil_sst2-{version}-py3-none-any.whl", f"distil_sst2-{version}.dist-info",
          MODEL_METADATA.format(version=version), "py3-none-any", files)


def main() -> None:
    arguments = sys.argv[1:]
    if len(arguments) == 4 and arguments[0] == "--model":
        make_model(pathlib.Path(arguments[1]).read_bytes(), arguments[2],
                   pathlib.Path(arguments[3]))
    elif len(arguments) == 4:
        make_package(pathlib.Path(arguments[0]).read_bytes(),
                     pathlib.Path(arguments[1]).read_bytes(), arguments[2],
                     pathlib.Path(arguments[3]))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
