# SPDX-License-Identifier: Apache-2.0
"""Makes the wheel of the Python package.

    make_wheel.py LIBDISTIL.SO VERSION DIRECTORY

Writes DIRECTORY/distil-VERSION-py3-none-manylinux_2_N_x86_64.whl and prints its path. N comes from
the newest version of glibc that the library asks for, so the name is true for the library that was
given. Needs Python only. The same library gives the same bytes.
"""

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
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
"""
WHEEL = """Wheel-Version: 1.0
Generator: make_wheel
Root-Is-Purelib: false
Tag: {tag}
"""


def glibc_minor(library: bytes) -> int:
    """The N of the newest GLIBC_2.N that the library asks for."""
    found = [int(n) for n in re.findall(rb"GLIBC_2\.(\d+)", library)]
    if not found:
        raise SystemExit("the library asks for no glibc, so no manylinux tag is true for it")
    return max(found)


def main() -> None:
    library = pathlib.Path(sys.argv[1]).read_bytes()
    version = sys.argv[2]
    tag = f"py3-none-manylinux_2_{max(glibc_minor(library), 17)}_x86_64"
    info = f"distil-{version}.dist-info"
    files = {f"distil/{path.name}": path.read_bytes()
             for path in sorted((HERE / "distil").iterdir()) if path.suffix in (".py", ".typed")}
    files["distil/libdistil.so"] = library
    for name in ("LICENSE", "NOTICE"):
        files[f"{info}/{name}"] = (ROOT / name).read_bytes()
    files[f"{info}/METADATA"] = METADATA.format(version=version).encode()
    files[f"{info}/WHEEL"] = WHEEL.format(tag=tag).encode()
    record = ""
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    path = pathlib.Path(sys.argv[3]) / f"distil-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, content)
    print(path)


if __name__ == "__main__":
    main()
