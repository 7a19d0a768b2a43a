"""Whether this Python is in the range that the project's files ask for. Prints what is wrong in Heroku's grammar; status 1 then."""
import platform
import re
import sys
import tomllib

from pip._vendor.packaging.specifiers import InvalidSpecifier, SpecifierSet


def main():
    for file, keys in (
        ("pyproject.toml", ("project", "requires-python")),
        ("pyproject.toml", ("tool", "poetry", "dependencies", "python")),
        ("uv.lock", ("requires-python",)),
        ("poetry.lock", ("metadata", "python-versions")),
    ):
        written = value_at(read(file), keys)
        if not isinstance(written, str) or written.strip() in ("", "*"):
            continue
        try:
            fits = SpecifierSet(specifiers(written)).contains(platform.python_version())
        except InvalidSpecifier:
            sys.exit(f' !     "{written}" in {file} is no range of Python versions, expected one such as ">=3.11"')
        if not fits:
            sys.exit(f' !     {file} asks for Python "{written}", and this stack has {platform.python_version()}: widen the range, or build the app with a Dockerfile')


def read(file):
    try:
        with open(file, "rb") as opened:
            return tomllib.load(opened)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        sys.exit(f" !     {file} is not valid TOML: {error}")


def value_at(value, keys):
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def specifiers(written):
    """Poetry's own notation as Python's (PEP 440): `^3.11` and `~3.11` have an upper bound, a bare version is exact."""
    return ",".join(specifier(part.strip()) for part in re.split(r"[ ,]+(?=[\^~<>=!])|,", written))


def specifier(part):
    match = re.fullmatch(r"([\^~])\s*v?(\d+(?:\.\d+)*)", part)
    if match is None:
        return f"=={part}" if re.fullmatch(r"\d+(\.\d+)*(\.\*)?", part) else part
    numbers = [int(number) for number in match[2].split(".")]
    kept = 1 if match[1] == "^" else min(2, len(numbers))
    upper = [*numbers[: kept - 1], numbers[kept - 1] + 1]
    return f">={match[2]},<{'.'.join(map(str, upper))}"


main()
