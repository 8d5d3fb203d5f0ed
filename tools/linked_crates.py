"""Write what the built module holds of other people's Rust: licences, and an SBOM.

    python tools/linked_crates.py [--check]

Both files go into every wheel, so they hold no time and no path: two builds are the
same byte for byte. With ``--check`` nothing is written, and files that are not up to
date are an error.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "rust" / "py" / "linked"
ROOT_CRATE = "nithresh-py"
OURS = {ROOT_CRATE, "nithresh-core"}
LICENCE_FILE = re.compile(r"(licen[sc]e|copying|notice)", re.IGNORECASE)
# The standard library is under the terms of the crates that its authors publish.
STANDARD_LIBRARY, LIKE_STANDARD_LIBRARY = "the Rust standard library", "libc"

Crate = dict[str, Any]


def linked_crates() -> list[Crate]:
    """Find the crates whose code is linked, with what each needs, on any platform."""
    told = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version=1", "--locked"],  # noqa: S607
            check=True,
            capture_output=True,
            cwd=ROOT,
        ).stdout
    )
    crates = {crate["id"]: crate for crate in told["packages"]}
    needs = {node["id"]: node["deps"] for node in told["resolve"]["nodes"]}
    waiting = [key for key, crate in crates.items() if crate["name"] == ROOT_CRATE]
    found = {}
    while waiting:
        key = waiting.pop()
        # A macro runs in the compiler.
        if key in found or any(
            "proc-macro" in t["kind"] for t in crates[key]["targets"]
        ):
            continue
        found[key] = [
            need["pkg"]
            for need in needs[key]
            if any(kind["kind"] is None for kind in need["dep_kinds"])
        ]
        waiting += found[key]
    for key, others in found.items():
        crates[key]["linked"] = sorted(purl(crates[o]) for o in others if o in found)
    return sorted((crates[key] for key in found), key=lambda crate: crate["name"])


def purl(crate: Crate) -> str:
    """Name a crate as SBOMs do."""
    return f"pkg:cargo/{crate['name']}@{crate['version']}"


def licence_text(crate: Crate, crates: list[Crate]) -> str:
    """Read the licence of a crate; where it may be chosen, MIT."""
    folder = Path(crate["manifest_path"]).parent
    files = sorted(p for p in folder.iterdir() if LICENCE_FILE.match(p.name))
    files = [path for path in files if "MIT" in path.name.upper()] or files
    if files:
        text = "\n".join(path.read_text(encoding="utf-8") for path in files)
        return "\n".join(line.rstrip() for line in text.strip().splitlines())
    for other in crates:
        if other is not crate and other["repository"] == crate["repository"]:
            return licence_text(other, [])
    raise SystemExit(f"{crate['name']} {crate['version']} comes without a licence")


def licences(crates: list[Crate]) -> str:
    """Write each licence once, under the names of its crates."""
    names = defaultdict(list)
    for crate in crates:
        if crate["name"] in OURS:
            continue
        text = licence_text(crate, crates)
        names[text].append(f"{crate['name']} {crate['version']} ({crate['license']})")
        if crate["name"] == LIKE_STANDARD_LIBRARY:
            names[text].append(f"{STANDARD_LIBRARY} (MIT OR Apache-2.0)")
    parts = ["The module nithresh._core holds code of these Rust crates.\n"]
    for text, users in sorted(names.items(), key=lambda item: item[1]):
        parts.append("-" * 80 + "\n" + "\n".join(users) + f"\n\n{text}\n")
    return "\n".join(parts)


def sbom(crates: list[Crate]) -> str:
    """Write a CycloneDX list of the crates and of what each needs."""
    with (ROOT / "Cargo.lock").open("rb") as file:
        locked = tomllib.load(file)["package"]
    checksums = {
        (each["name"], each["version"]): each.get("checksum") for each in locked
    }

    def component(crate: Crate) -> dict[str, Any]:
        checksum = checksums[crate["name"], crate["version"]]
        expression = crate["license"].replace("/", " OR ")
        return {
            "type": "library",
            "bom-ref": purl(crate),
            "name": crate["name"],
            "version": crate["version"],
            "licenses": [{"expression": expression}],
            "purl": purl(crate),
        } | ({"hashes": [{"alg": "SHA-256", "content": checksum}]} if checksum else {})

    whole = next(crate for crate in crates if crate["name"] == ROOT_CRATE)
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(whole)},
        "components": [component(crate) for crate in crates if crate is not whole],
        "dependencies": [
            {"ref": purl(crate), "dependsOn": crate["linked"]} for crate in crates
        ],
    }
    return json.dumps(bill, indent=1) + "\n"


def main() -> int:
    """Write or check both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    crates = linked_crates()
    made = {"LICENSES.txt": licences(crates), "nithresh.cdx.json": sbom(crates)}
    stale = 0
    for name, text in made.items():
        path = FOLDER / name
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale = 1
            print(
                f"{path.relative_to(ROOT)} is not what Cargo.lock says: "
                "run python tools/linked_crates.py",
                file=sys.stderr,
            )
    return stale


if __name__ == "__main__":
    sys.exit(main())
