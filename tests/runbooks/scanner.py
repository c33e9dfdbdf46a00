# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a vulnerability scanner. It reads a CycloneDX bill of materials, requires that
libraries have names and versions, and knows no vulnerability."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    components = json.load(file)["components"]
unnamed = [c for c in components
           if not c.get("name") or c["type"] == "library" and not c.get("version")]
print(f"{len(components)} components, none vulnerable")
sys.exit(bool(unnamed) or not components)
