"""Print the lowest versions that pyproject.toml allows, as constraints for pip.

They are those of the package and of what its tests need.
"""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[.*\])?[>=]=([\w.]+)")


def main() -> None:
    """Print one constraint a line."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    extras = project["optional-dependencies"]
    for requirement in project["dependencies"] + extras["test"]:
        name, version = REQUIREMENT.match(requirement).groups()
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
